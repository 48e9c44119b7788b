"""The Microsoft clouds that serve Partner Center: where to ask, and where to sign in.

To support another cloud, add a row to `CLOUDS`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cloud:
    """One cloud. A token has to be made for its `resource`, by its `authority`."""

    api_root: str
    authority: str  # a host
    resource: str

    @property
    def delegated_scope(self) -> str:
        """What an app asks for on behalf of a user (App+User)."""
        return f"{self.resource}/user_impersonation"

    @property
    def app_only_scope(self) -> str:
        """What an app asks for on its own behalf: whatever it has been granted."""
        return f"{self.resource}/.default"


PARTNER_CENTER = "https://api.partnercenter.microsoft.com"
PARTNER_CENTER_CHINA = "https://partner.partnercenterapi.microsoftonline.cn"

# US Government signs in at a place of its own and is served from the global host (Partner Center
# REST URLs). No row names graph.windows.net, as old samples do: since 2025 the service refuses
# tokens made for it (401, code 900420).
CLOUDS = {
    "global": Cloud(PARTNER_CENTER, "login.microsoftonline.com", PARTNER_CENTER),
    "usgov": Cloud(PARTNER_CENTER, "login.microsoftonline.us", PARTNER_CENTER),
    "china": Cloud(PARTNER_CENTER_CHINA, "login.partner.microsoftonline.cn", PARTNER_CENTER_CHINA),
}
OTHER_NAMES = {
    "public": "global",
    "usgovernment": "usgov",
    "21vianet": "china",
    "german": "germany",
    "mcd": "germany",
}
CLOSED = {"germany": "Microsoft closed its German cloud; there is nothing left to ask there"}

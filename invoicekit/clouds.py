"""The Microsoft clouds: where to ask, where to sign in, and for whom a token is made.

To support another cloud, add a row to `CLOUDS`. A further service that wants a token of its own has
a row in `AUDIENCES`, its resource in the clouds that have it, who signs for it in `signer_for`
(`auth/signers.py`), and its host in `Origins.of` (`fetch/signing.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

PARTNER_CENTER = "partner_center"
GRAPH = "graph"


@dataclass(frozen=True, slots=True)
class Audience:
    """Who a token is made for: the service's name, and what an app has to be allowed there."""

    name: str
    permission: str  # of an app on behalf of a user
    granted: str  # where an administrator gives it, in words


AUDIENCES: Mapping[str, Audience] = MappingProxyType(
    {
        PARTNER_CENTER: Audience(
            "Partner Center",
            "user_impersonation",
            "an administrator consents to Microsoft Partner Center, user_impersonation",
        ),
        # The one permission of the billing exports, of an app and of a user alike (Graph's pages
        # on partner billing).
        GRAPH: Audience(
            "Microsoft Graph",
            "PartnerBilling.Read.All",
            "in Entra, App registrations, the app, API permissions, Microsoft Graph: add "
            "PartnerBilling.Read.All, and an administrator of the partner's tenant consents",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Cloud:
    """One cloud. A token is made by its `authority`, for one of its `resources`."""

    api_root: str
    authority: str  # a host
    resources: Mapping[str, str] = field(hash=False)  # by audience; read-only
    graph_root: str = ""  # "" where Microsoft serves no billing on Graph
    blob_suffix: str = ""  # the hosts of exported files end so

    def __post_init__(self) -> None:
        object.__setattr__(self, "resources", MappingProxyType(dict(self.resources)))

    def delegated_scope(self, audience: str) -> str:
        """What an app asks for on behalf of a user (App+User)."""
        return f"{self.resources[audience]}/{AUDIENCES[audience].permission}"

    def app_only_scope(self, audience: str) -> str:
        """What an app asks for on its own behalf: whatever it has been granted."""
        return f"{self.resources[audience]}/.default"


API_ROOT = "https://api.partnercenter.microsoft.com"
API_ROOT_CHINA = "https://partner.partnercenterapi.microsoftonline.cn"
GRAPH_ROOT = "https://graph.microsoft.com"

# US Government signs in at a place of its own and is served from the global host (Partner Center
# REST URLs). No row names graph.windows.net, as old samples do: since 2025 the service refuses
# tokens made for it (401, code 900420). Graph's billing exports are in the global cloud alone
# (Graph's pages on partner billing: not US Government L4 and L5, not 21Vianet).
CLOUDS = {
    "global": Cloud(
        API_ROOT,
        "login.microsoftonline.com",
        {PARTNER_CENTER: API_ROOT, GRAPH: GRAPH_ROOT},
        graph_root=GRAPH_ROOT,
        blob_suffix="blob.core.windows.net",
    ),
    "usgov": Cloud(API_ROOT, "login.microsoftonline.us", {PARTNER_CENTER: API_ROOT}),
    "china": Cloud(
        API_ROOT_CHINA, "login.partner.microsoftonline.cn", {PARTNER_CENTER: API_ROOT_CHINA}
    ),
}
OTHER_NAMES = {
    "public": "global",
    "usgovernment": "usgov",
    "21vianet": "china",
    "german": "germany",
    "mcd": "germany",
}
CLOSED = {"germany": "Microsoft closed its German cloud; there is nothing left to ask there"}

"""The newest refresh token of a sign-in, kept for the next run where the system protects it.

Windows encrypts it for the user (DPAPI), macOS has its keychain, Linux a keyring where a desktop
offers one. Where nothing does, it stays in memory: it is never written down in plain text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from invoicekit.errors import warn
from invoicekit.secret import NO_SECRET, Secret, scrub
from invoicekit.settings import Settings


class Storage(Protocol):
    """One protected text, as msal-extensions stores it."""

    def load(self) -> str:
        """The text."""

    def save(self, content: str) -> None:
        """Replace the text."""


def open_storage(name: str) -> Storage:
    """The protected storage of this system for `name`; no storage is an error of many kinds."""
    from msal_extensions import build_encrypted_persistence  # type: ignore[import-untyped]
    from platformdirs import user_data_path

    folder = user_data_path("invoicekit", appauthor=False) / "sign-in"
    storage: Storage = build_encrypted_persistence(str(folder / name))
    return storage


# What the storages of the three systems raise: a missing library (ImportError), a locked or broken
# store (OSError, RuntimeError: GLib's is one), a text that is not ours (ValueError and its kin).
TROUBLE = (ImportError, OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError)
FORGOTTEN = "{}"  # not every system lets an entry be deleted; each lets it be replaced


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept: the token, and the user whom it speaks for, where Entra said who that is."""

    refresh_token: Secret = NO_SECRET
    account: str = ""


class TokenStore:
    """The refresh token that followed the one in `settings`; none where there is none.

    It belongs to one app, tenant and cloud, and to the refresh token that was given, so to one
    user: whoever sets another one means that one. By device code it is the user who signed in last.
    """

    def __init__(
        self, settings: Settings, open_storage: Callable[[str], Storage] = open_storage
    ) -> None:
        self._given = hashlib.sha256(settings.refresh_token.reveal().encode()).hexdigest()
        whose = (settings.cloud, settings.tenant_id.lower(), settings.client_id.lower())
        # The first release kept one for all users of an app: it is read where there is no other.
        self._names = [_name(*whose, self._given), _name(*whose)]
        self._open = open_storage
        self._warned = False

    def read(self) -> Kept:
        """What an earlier run kept. What cannot be read is not there."""
        return next(filter(None, map(self._read, self._names)), Kept())

    def write(self, kept: Kept) -> None:
        """Keep a token and its account; where that cannot be done, say so once."""
        trouble = self._write(self._names[0], kept)
        if trouble and not self._warned:
            self._warned = True
            warn(
                f"this system offers no protected storage that works ({trouble}), so the renewed "
                "refresh token is kept in memory only and never written in plain text; the next "
                "run signs in as this one did. "
                "On Linux: install gnome-keyring and PyGObject (python3-gi, gir1.2-secret-1)"
            )

    def forget(self) -> bool:
        """Keep nothing any more; returns whether there was something.

        Raises:
            OSError: what is kept cannot be replaced.
        """
        there = [name for name in self._names if self._read(name)]
        for name in there:
            trouble = self._write(name, None)
            if trouble:
                raise OSError(f"the kept refresh token could not be removed ({trouble})")
        return bool(there)

    def _read(self, name: str) -> Kept | None:
        try:
            kept = json.loads(self._open(name).load())
            if kept["given"] != self._given or not kept["refresh_token"]:
                return None
            return Kept(Secret(str(kept["refresh_token"])), str(kept.get("account") or ""))
        except TROUBLE:
            return None

    def _write(self, name: str, kept: Kept | None) -> str:
        """What went wrong, in a word; `""` where nothing did."""
        try:
            self._open(name).save(FORGOTTEN if kept is None else self._content(kept))
        except TROUBLE as trouble:
            return type(scrub(trouble)).__name__
        return ""

    def _content(self, kept: Kept) -> str:
        token = kept.refresh_token.reveal()
        return json.dumps({"given": self._given, "refresh_token": token, "account": kept.account})


def _name(*whose: str) -> str:
    return hashlib.sha256("\n".join(whose).encode()).hexdigest()[:32]

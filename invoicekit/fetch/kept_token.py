"""The newest refresh token of a sign-in, kept for the next run where the system protects it.

Windows encrypts it for the user (DPAPI), macOS has its keychain, Linux a keyring where a desktop
offers one. Where nothing does, it stays in memory: it is never written down in plain text.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable
from typing import Protocol

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


class KeptToken:
    """The refresh token that followed the one in `settings`; `""` where there is none.

    It belongs to one app, tenant and cloud, and to the refresh token that was given: whoever sets
    another one means that one.
    """

    def __init__(
        self, settings: Settings, open_storage: Callable[[str], Storage] = open_storage
    ) -> None:
        whose = f"{settings.cloud}\n{settings.tenant_id.lower()}\n{settings.client_id.lower()}"
        self._name = hashlib.sha256(whose.encode()).hexdigest()[:32]
        self._given = hashlib.sha256(settings.refresh_token.encode()).hexdigest()
        self._open = open_storage
        self._warned = False

    def read(self) -> str:
        """The token kept by an earlier run. What cannot be read is not there."""
        try:
            kept = json.loads(self._open(self._name).load())
            return str(kept["refresh_token"]) if kept["given"] == self._given else ""
        except TROUBLE:
            return ""

    def write(self, refresh_token: str) -> None:
        """Keep `refresh_token`; where that cannot be done, say so once."""
        content = json.dumps({"given": self._given, "refresh_token": refresh_token})
        try:
            self._open(self._name).save(content)
        except TROUBLE as trouble:
            if not self._warned:
                self._warned = True
                warnings.warn(
                    "this system offers no protected storage that works "
                    f"({type(trouble).__name__}), so the renewed refresh token is kept in memory "
                    "only and never written in plain text; the next run signs in as this one did. "
                    "On Linux: install gnome-keyring and PyGObject (python3-gi, gir1.2-secret-1)",
                    stacklevel=2,
                )

"""How Chromium is started, and what is done where there is none."""

import os

import pytest

CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def missing(what):
    """Skip the test that needs it, unless CI demands it."""
    required = os.environ.get("INVOICEKIT_REQUIRE_BROWSER") == "1"
    (pytest.fail if required else pytest.skip)(f"needs {what}")

"""The scripts in `chaos`, in short: they work, and find nothing. In full they are run by hand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHAOS = Path(__file__).with_name("chaos")
SCRIPTS = {"kills": ("--kills", "8"), "damages": ("--damages", "8")}
pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9, and processes that fork")


@pytest.mark.parametrize("script", SCRIPTS)
def test_nothing_is_lost_and_nothing_is_wrong(script):
    done = subprocess.run(
        [sys.executable, CHAOS / f"{script}.py", *SCRIPTS[script], "--seconds", "300"],
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ (kills|damages) in .* 0 findings", done.stdout)

"""Where things lie in this tree."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
SEEDS = ROOT / "data" / "seeds"
FIRST_RELEASE = TESTS / "data" / "first-release"  # a cache as the first release wrote it
PULLER = TESTS / "support" / "puller.py"

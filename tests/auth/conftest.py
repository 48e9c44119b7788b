"""A Microsoft Entra on loopback, for the tests of signing in."""

from __future__ import annotations

import pytest

from support.entra import Place


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    yield place
    place.server.close()

"""Which source holds an invoice's lines: the table of periods at its edges."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoicekit.clouds import CLOUDS
from invoicekit.sources.periods import NEW_COMMERCE, billing_month, choose_source


def choice(provider="onetime", start=None, dated=None, cloud="global", source=None):
    return choose_source(
        provider, period_start=start, invoice_date=dated, cloud=cloud, source=source
    )


@pytest.mark.parametrize(
    ("start", "dated", "expected"),
    [
        (date(2024, 1, 31), date(2024, 2, 8), "v1"),
        (date(2024, 2, 1), date(2024, 3, 8), "graph"),
        (date(2024, 1, 1), date(2026, 1, 1), "v1"),  # the period counts, not the date
        (None, date(2024, 2, 29), "v1"),  # of January
        (None, date(2024, 3, 1), "graph"),  # of February
        (None, date(2024, 1, 1), "v1"),
        (None, date(1, 1, 1), "v1"),
        (None, date.max, "graph"),
        (None, None, "v1"),
    ],
)
def test_new_commerce_goes_over_to_graph_with_february_2024(start, dated, expected):
    assert {choice(one, start, dated) for one in NEW_COMMERCE} == {expected}


@pytest.mark.parametrize("provider", ["office", "azure", "azuredatamarket", ""])
def test_legacy_and_unknown_providers_stay_with_v1(provider):
    assert choice(provider, date(2026, 9, 1)) == "v1"


@pytest.mark.parametrize("cloud", sorted(set(CLOUDS) - {"global"}))
def test_sovereign_clouds_stay_with_v1(cloud):
    assert choice(start=date(2026, 9, 1), cloud=cloud) == "v1"


def test_a_source_that_is_named_overrides_the_table():
    assert choice(start=date(2023, 9, 1), source="graph") == "graph"
    assert choice(start=date(2026, 9, 1), source="v1") == "v1"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"source": "v2"}, "one of v1, graph"),
        ({"source": "graph", "provider": "office"}, "does not hold office of the global cloud"),
        ({"source": "graph", "cloud": "china"}, "does not hold onetime of the china cloud"),
    ],
)
def test_a_source_that_cannot_hold_it_is_refused_with_what_can(options, words):
    with pytest.raises(ValueError, match=words):
        choice(start=date(2026, 9, 1), **options)


@given(st.dates())
def test_without_a_period_it_is_the_month_before_the_date(dated):
    month = billing_month(None, dated)
    assert month.day == 1
    months = (dated.year - month.year) * 12 + dated.month - month.month
    assert months == (0 if (dated.year, dated.month) == (1, 1) else 1)

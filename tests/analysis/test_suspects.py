"""Suspects: the smallest sets whose sum is the difference, exactly, whatever the order of lines."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import combinations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import invoicekit as ik
from invoicekit.analysis.suspects import pools
from invoicekit.analysis.suspects.search import SUSPECTS
from invoicekit.frames.charges import CHARGES
from support.charges import charge, frame
from support.line_frames import DAILY_RATED, LICENSED, ONE_TIME, invoice_lines, lines


def d(text: object) -> Decimal:
    return Decimal(str(text))


def amount(total: object, **fields: object) -> dict[str, object]:
    """A charge of that total; its offer tells it from others."""
    fields.setdefault("offer_id", f"offer {total}")
    return charge(subtotal=d(total), total=d(total), **fields)


def suspects(charges: list[dict[str, object]], difference: object) -> pl.DataFrame:
    """Those of charges whose invoice differs by so much."""
    given_ = frame(*charges)
    total = given_.filter(currency="USD")["total"].sum() + d(difference)
    return ik.reconcile(given_, total, currency="USD").suspects


def sets(found: pl.DataFrame) -> list[tuple[tuple[str, ...], str]]:
    """The offers of each candidate's lines, and its reason."""
    grouped = found.group_by("candidate", "reason", maintain_order=True).agg("offer_id")
    return [(tuple(sorted(offers)), reason) for _, reason, offers in grouped.iter_rows()]


# No sum of few of them is any of the others; 1.00 to 512.00 and a little more.
DULL = [amount(f"{2**n}.{n:02}") for n in range(10)]


def test_columns_and_nothing_where_it_ties():
    found = suspects(DULL, 0)
    assert found.is_empty()
    assert found.columns == ["candidate", "reason", *CHARGES, "page"]
    assert found.schema == pl.Schema(SUSPECTS)
    assert suspects(DULL, "0.005").is_empty()
    assert suspects([], "5").is_empty()


def test_one_line_with_either_sign():
    ((offers, reason),) = sets(suspects(DULL, "-16.04"))
    assert offers == ("offer 16.04",)
    assert reason == "without this line the lines add up to the invoice"
    ((offers, reason),) = sets(suspects(DULL, "16.04"))
    assert reason == "with this line once more the lines add up to the invoice"


def test_credits_and_copies_are_likelier_and_same_amounts_are_told_apart_honestly():
    charges = [amount("-7", offer_id="credit", charge_family="credit"),
               *[amount("7", offer_id=f"plain {n}") for n in range(3)],
               *[amount("7", offer_id="twice")] * 2, *DULL]  # fmt: skip
    found = sets(suspects(charges, "-7"))
    assert [offers for offers, _ in found] == [
        ("twice",), ("plain 0",), ("plain 1",), ("plain 2",), ("twice",), ("credit",)
    ]  # fmt: skip
    same = "one of these 5 lines of the same amount"
    without = "without this line the lines add up to the invoice"
    assert found[0][1] == f"{without}; a copy of another line; {same}"
    assert {reason for _, reason in found[1:5]} == {f"{without}; {same}"}
    assert found[5][1].endswith("once more the lines add up to the invoice; a credit")


def test_no_more_than_twenty_are_told():
    found = sets(suspects([amount("7", offer_id=f"{n}") for n in range(30)], "-7"))
    assert len(found) == 20
    assert "one of these 30 lines" in found[0][1]
    pairs = sets(suspects([amount("7", offer_id=f"{n}") for n in range(30)], "-14"))
    assert len(pairs) == len({offers for offers, _ in pairs}) == 20
    assert "one of 435 pairs" in pairs[0][1]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"order_id": "o7"}, "all 3 lines of order o7"),
        ({"subscription_id": "s\u202e7"}, "all 3 lines of subscription s7"),
        ({"provider": "azure"}, "all 3 lines of collection azure/billing"),
        ({"charge_family": "credit"}, "all 3 credits"),
    ],
)
def test_a_whole_is_one_unit(fields, words):
    charges = [*DULL, *[amount(f"{2**n}.5", **fields) for n in range(11, 14)]]
    ((offers, reason),) = sets(suspects(charges, -(2**11 + 2**12 + 2**13 + 1.5)))
    assert len(offers) == 3
    assert reason.startswith(f"without {words} the lines add up")


def row(total: object, **fields: object) -> dict[str, object]:
    return {
        "subtotal": d(total), "tax_total": d(0), "total_for_customer": d(total),
        "currency": "USD", "customer_id": "c1", "product_id": f"offer {total}", **fields,
    }  # fmt: skip


def test_a_page_is_one_unit_and_each_line_says_its_page():
    rows = [row(f"{2**n}.{n:02}", page=1 + n // 3) for n in range(9)]
    total = sum((one["total_for_customer"] for one in rows), d(0))
    page = sum((one["total_for_customer"] for one in rows[3:6]), d(0))
    proof = invoice_lines(lines(ONE_TIME, *rows)).proof(total - page, "USD")
    ((offers, reason),) = sets(proof.suspects)
    assert offers == ("offer 16.04", "offer 32.05", "offer 8.03")
    assert reason.startswith("without all 3 lines of page 2 of onetime/billing ")
    assert proof.suspects["page"].to_list() == [2, 2, 2]


def test_rows_that_were_sent_twice_are_one_unit():
    rows = [row(f"{2**n}.{n:02}", charge_type="cycleFee") for n in range(9)]
    genuine = [row("3", charge_type="new", order_id="o")] * 3
    copies = [{**one, "page": 2} for one in rows[2:7]]
    total = sum((one["total_for_customer"] for one in (*rows, *genuine)), d(0))
    proof = invoice_lines(lines(ONE_TIME, *rows, *genuine, *copies)).proof(total, "USD")
    ((offers, reason),) = sets(proof.suspects)
    assert len(offers) == 5
    assert reason.startswith("without the 5 copies on page 2 of onetime/billing ")
    assert set(proof.suspects["page"]) == {2}


def test_a_copy_is_equal_in_all_fields_not_in_those_of_the_charges_alone():
    alike = [row("7"), row("7", reference_id="another")]
    usage = lines(DAILY_RATED, {"billing_pre_tax_total": d(1)}, {"billing_pre_tax_total": d(1)})
    both = usage, lines(ONE_TIME, *alike, row("5"), row("5"))
    proof = invoice_lines(*both).proof(d("17"), "USD")
    assert [reason for _, reason in sets(proof.suspects)] == [
        "without this line the lines add up to the invoice; one of these 2 lines of the same amount"
    ] * 2
    proof = invoice_lines(*both).proof(d("19"), "USD")
    assert "; a copy of another line; one" in sets(proof.suspects)[0][1]


def test_copies_are_told_of_the_type_that_they_are_of():
    seat = {"subtotal": d(3), "tax": d(0), "total_for_customer": d(3), "currency": "USD"}
    licences = lines(LICENSED, seat, {**seat, "order_id": "o"})
    both = licences, lines(ONE_TIME, row("9"), row("7"), row("7"), row("7", order_id="o"))
    proof = invoice_lines(*both).proof(d("29"), "USD")
    found = proof.suspects.select("object_type", "order_id", "reason")
    assert found["order_id"].to_list() == [None, "o", None]
    assert ["a copy" in reason for reason in found["reason"]] == [True, False, False]


def test_lines_in_another_currency_that_were_added_as_they_are():
    charges = [*DULL, amount("5", currency="EUR"), amount("6", currency="EUR")]
    ((offers, reason),) = sets(suspects(charges, "11"))
    assert offers == ("offer 5", "offer 6")
    assert reason == (
        "with the amount of these 2 lines as it is, though in EUR, the lines add up to the invoice"
    )
    assert suspects(charges, "-11").is_empty()


def test_two_lines_the_nearest_first():
    first = {"customer_id": "c9", "order_id": "o9"}
    charges = [*DULL, amount("3000.5", **first), amount("4000.25", **first),
               amount("9000.1", **first), amount("3500.5"), amount("3500.25")]  # fmt: skip
    found = sets(suspects(charges, "-7000.75"))
    assert [offers for offers, _ in found] == [
        ("offer 3000.5", "offer 4000.25"), ("offer 3500.25", "offer 3500.5")
    ]  # fmt: skip
    without = "without these 2 lines the lines add up to the invoice"
    of = "one of 2 pairs of lines with such a sum"
    assert found[0][1] == f"{without}; both of one order; {of}"
    assert found[1][1] == f"{without}; both of one customer; {of}"


def test_a_whole_of_two_lines_is_told_first_among_other_pairs():
    charges = [*DULL, amount("3000.5", order_id="o9"), amount("4000.25", order_id="o9"),
               amount("3500.5"), amount("3500.25")]  # fmt: skip
    found = sets(suspects(charges, "-7000.75"))
    assert found[0][1] == "without all 2 lines of order o9 the lines add up to the invoice"
    assert [offers for offers, _ in found] == [
        ("offer 3000.5", "offer 4000.25"), ("offer 3500.25", "offer 3500.5")
    ]  # fmt: skip


def test_one_line_is_not_its_own_partner():
    assert suspects([amount("5"), amount("2.5"), *DULL], "-10").is_empty()
    ((offers, _),) = sets(suspects([amount("5"), amount("5", offer_id="b"), *DULL], "-10"))
    assert offers == ("b", "offer 5")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"charge_family": "credit"}, "credits"),
        ({"order_id": "o7"}, "of one order"),
        ({"charge_start": date(2026, 9, 7)}, "of one day"),
    ],
)
def test_more_lines_among_likely_ones(fields, words):
    likely = [amount(f"{2**n}.{n}", **fields) for n in range(11, 17)]
    wanted = -sum((one["total"] for one in likely[1:5]), d(0))
    ((offers, reason),) = sets(suspects([*DULL, *likely], wanted))
    assert offers == tuple(sorted(one["offer_id"] for one in likely[1:5]))
    assert reason == f"without these 4 lines the lines add up to the invoice; {words}"


def test_the_search_is_bounded_by_steps(monkeypatch):
    likely = [amount(f"{2**n}.{n}", order_id="o7") for n in range(11, 17)]
    wanted = -sum((one["total"] for one in likely[1:5]), d(0))
    monkeypatch.setattr(pools, "STEPS", 20)  # 15 for sets of three, then 20 for those of 4
    assert suspects([*DULL, *likely], wanted).is_empty()
    monkeypatch.setattr(pools, "STEPS", 35)
    assert suspects([*DULL, *likely], wanted).height == 4


def test_amounts_of_all_38_digits_are_exact():
    large = amount("12345678901234.000000000000000000000001")
    ((offers, _),) = sets(suspects([large, *DULL], "-12345678901234.000000000000000000000001"))
    assert offers == (large["offer_id"],)
    assert suspects([large, *DULL], "-12345678901234").is_empty()
    both = "-12345678901235.000000000000000000000001"
    ((offers, _),) = sets(suspects([large, *DULL], both))
    assert len(offers) == 2


def test_sums_beyond_64_bits_are_exact():
    """As integers of the least unit each of them fits 64 bits, and their sum does not."""
    large = [amount(f"4000000000{n}.00000001", order_id="o1") for n in range(3)]
    large.append(amount("1.5", order_id="o2"))
    found = sets(suspects(large, -sum(one["total"] for one in large[:3])))
    assert found[0][0] == tuple(sorted(one["offer_id"] for one in large[:3]))
    assert "of order o1" in found[0][1]


def test_null_keys_make_no_unit():
    charges = [amount(f"{2**n}.5", order_id=None, subscription_id=None, provider=None)
               for n in range(4)]  # fmt: skip
    found = suspects([*charges, amount("99")], "-17")
    assert found.is_empty()


def test_an_error_says_by_how_much():
    proof = ik.reconcile(
        frame(*DULL), sum((one["total"] for one in DULL), d("-0.5")), currency="USD"
    )
    with pytest.raises(AssertionError, match=r"0\.50 USD more than the invoice: ✘ differs: "):
        proof.assert_ties()
    details = pl.DataFrame({"provider": ["x\u202e"], "line_item_type": ["billing"]})
    proof = ik.reconcile(frame(), d(0), currency="USD", details=details)
    with pytest.raises(AssertionError, match=r"^⚠ incomplete: .*x/billing \(missing\)$"):
        proof.assert_ties()
    ik.reconcile(frame(), d(0), currency="USD").assert_ties()


# --- properties

AMOUNTS = st.lists(st.integers(-40, 40).filter(bool), min_size=1, max_size=9)


@given(AMOUNTS, st.integers(-60, 60).filter(bool), st.randoms())
@settings(max_examples=150, deadline=None)
def test_against_all_sets_that_there_are(cents, wanted, random):
    """One line, a whole, or two lines; each once, all of them up to twenty; in any order."""
    charges = [
        amount(d(value) / 100, offer_id=f"{place}", order_id=f"o{place}", page=None)
        for place, value in enumerate(cents)
    ]
    found = suspects([{k: v for k, v in one.items() if k != "page"} for one in charges],
                     d(wanted) / 100)  # fmt: skip
    by_candidate = found.group_by("candidate", maintain_order=True).agg("offer_id", "total")
    for _, offers, totals in by_candidate.iter_rows():
        assert abs(sum(totals, d(0))) == abs(d(wanted) / 100)
        assert len(set(offers)) == len(offers)
    told = [frozenset(offers) for offers in by_candidate["offer_id"]]
    assert len(set(told)) == len(told) <= 20
    for size in (1, 2):
        every = {
            frozenset(map(str, places))
            for places in combinations(range(len(cents)), size)
            if abs(sum(cents[place] for place in places)) == abs(wanted)
        }
        units = {one for one in told if len(one) == size}
        if told and min(map(len, told)) > size:  # a whole, as all credits: it is one unit
            break
        if every:
            assert units == every or (len(told) == 20 and units < every)
            break
        assert not units
    random.shuffle(charges)
    again = suspects([{k: v for k, v in one.items() if k != "page"} for one in charges],
                     d(wanted) / 100)  # fmt: skip
    assert sets(again) == sets(found)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_pages_and_their_order_change_no_candidate(data):
    rows = [
        row(d(cents) / 100, page=data.draw(st.integers(1, 2)), product_id=f"{place}",
            order_id=data.draw(st.sampled_from(["o1", "o2", None])))
        for place, cents in enumerate(data.draw(AMOUNTS))
    ]  # fmt: skip
    total = sum((one["total_for_customer"] for one in rows), d(0))
    wanted = d(data.draw(st.integers(-60, 60).filter(bool))) / 100
    mixed = data.draw(st.permutations(rows))
    first, second = (
        invoice_lines(lines(ONE_TIME, *some)).proof(total + wanted, "USD").suspects
        for some in (rows, mixed)
    )
    assert sets(first) == sets(second)
    assert set(first["candidate"]) <= set(range(1, 21))

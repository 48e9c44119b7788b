"""Findings: each planted fault under its name, and nothing else; nothing on a clean invoice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import invoicekit as ik
from invoicekit.analysis.checks import findings as module
from invoicekit.analysis.checks.findings import FINDINGS
from invoicekit.frames.collection_result import CollectionResult
from invoicekit.sandbox.faults import FAULTS
from support.charges import charge, frame
from support.line_frames import (
    DAILY,
    DAILY_RATED,
    LICENSED,
    METERED,
    ONE_TIME,
    invoice_lines,
    lines,
)
from support.partner import CLOSED, Partner
from support.server import invoice, line, page, rows

NAMES = {
    "row total", "doubled rows", "header only", "other currency", "no customer", "tax rate",
    "drifted column", "restated usage",
}  # fmt: skip


def d(text: str) -> Decimal:
    return Decimal(text)


def taxed(base: str, tax: str, **fields: object) -> dict[str, object]:
    """A charge of a subtotal and its tax; its order tells it from others."""
    fields.setdefault("order_id", f"order of {base} and {tax}")
    return charge(subtotal=d(base), tax=d(tax), total=d(base) + d(tax), **fields)


CLEAN = [taxed("100", "8.25"), taxed("250.10", "20.63"), taxed("0.10", "0.01"),
         taxed("33.33", "2.75"), taxed("-12.00", "-0.99"), taxed("0", "0")]  # fmt: skip
SUM = sum((one["total"] for one in CLEAN), d("0"))


def found_in(*charges: dict[str, object], total: Decimal | None = None) -> dict[str, tuple]:
    """Finding -> lines and amount, of charges that add up to `total`, or to what they do."""
    given_ = frame(*charges)
    total = given_.filter(currency="USD")["total"].sum() if total is None else total
    found = ik.reconcile(given_, total, currency="USD").findings
    assert found.height == found["finding"].n_unique()
    return {row[0]: row[1:] for row in found.select("finding", "lines", "amount").rows()}


def test_nothing_is_found_on_clean_charges():
    assert found_in(*CLEAN) == {}
    found = ik.reconcile(frame(*CLEAN), SUM, currency="USD").findings
    assert found.schema == pl.Schema(FINDINGS)
    assert list(FINDINGS) == [
        "finding", "severity", "provider", "line_item_type", "object_type", "currency", "lines",
        "amount", "detail",
    ]  # fmt: skip


# Finding -> the charges that are planted beside clean ones, by how much the header is off, and the
# lines and amount that are told.
PLANTED = {
    "row total": ([charge(subtotal=d("5"), tax=d("0.41"), total=d("5.40"))], "0", 1, "-0.01"),
    "doubled rows": ([CLEAN[0], CLEAN[0]], "0", 2, "216.50"),
    "header only": ([], "-7.77", 0, "-7.77"),
    "other currency": ([taxed("5", "0.41", currency="EUR")], "0", 1, "5.41"),
    "no customer": ([taxed("5", "0", customer_id=None, customer_name=None)], "0", 1, "5"),
    "tax rate": ([taxed("70", "14.00")], "0", 1, "14.00"),
}


@pytest.mark.parametrize("finding", PLANTED)
def test_a_planted_fault_is_found_under_its_name(finding, monkeypatch):
    planted, off, count, amount = PLANTED[finding]
    charges = [*CLEAN, *planted]
    own = sum((one["total"] for one in charges if one["currency"] == "USD"), d(off))
    assert found_in(*charges, total=own) == {finding: (count, d(amount))}
    others = tuple(check for check in module.CHECKS if check.finding != finding)
    assert len(others) == len(NAMES) - 1
    monkeypatch.setattr(module, "CHECKS", others)
    assert found_in(*charges, total=own) == {}


def test_every_name_is_planted_somewhere():
    assert {check.finding for check in module.CHECKS} == NAMES
    assert set(PLANTED) | {"drifted column", "restated usage"} == NAMES
    assert {fault.finding for fault in FAULTS.values()} == NAMES | {"price moved"}


def test_errors_come_first_and_each_collection_has_a_row():
    charges = frame(
        charge(customer_id=None), charge(provider="office", object_type=LICENSED, customer_id=None),
        charge(total=d("2")),
    )  # fmt: skip
    found = ik.reconcile(charges, d("4"), currency="USD").findings
    assert found.select("finding", "severity", "provider", "lines").rows() == [
        ("row total", "error", "onetime", 1),
        ("no customer", "note", "office", 1),
        ("no customer", "note", "onetime", 1),
    ]


def test_a_row_without_a_subtotal_or_tax_is_not_judged():
    assert found_in(charge(subtotal=None, total=d("3")), charge(tax=None, total=d("4"))) == {}


# --- doubled rows

ROW = {"subtotal": d("2"), "tax_total": d("0"), "total_for_customer": d("2"), "currency": "USD",
       "customer_id": "c1", "order_id": "o1"}  # fmt: skip


def proof_of(*frames: pl.DataFrame, total: str, currency: str = "USD", **more: object):
    return invoice_lines(*frames, **more).proof(d(total), currency)


def test_rows_are_doubled_where_all_but_the_page_is_equal():
    twice = lines(ONE_TIME, ROW, {**ROW, "page": 2}, {**ROW, "page": 3})
    found = proof_of(twice, total="6").findings
    assert found.select("finding", "severity", "lines", "amount").rows() == [
        ("doubled rows", "note", 2, d("4"))
    ]
    assert proof_of(twice, total="2").findings["severity"].to_list() == ["warning"]
    other = lines(ONE_TIME, ROW, {**ROW, "unit_type": "x"}, {**ROW, "surprise": "y"})
    assert "doubled rows" not in proof_of(other, total="6").findings["finding"]
    assert proof_of(twice, total="6").lines == 3  # they count


def test_copies_of_several_charge_types_say_how_many_of_which():
    """Their sum alone says little where fees are billed, and changes of them taken back."""
    words = {"cycleCharge": "2", "addQuantity": "-7.5", "new": "1", "renew": "1", None: "0.1"}
    made = [charge(charge_type=word, total=d(total)) for word, total in words.items()]
    found = ik.reconcile(frame(*made * 2, made[0]), d("0"), currency="USD").findings
    (copied,) = found.filter(finding="doubled rows").select("lines", "amount", "detail").rows()
    assert copied[:2] == (6, d("-1.4"))
    assert copied[2].endswith(
        "they count; by charge type: addQuantity 1 of -7.50, cycleCharge 2 of 4.00, new 1 of 1.00 "
        "and 2 more"
    )
    one = ik.reconcile(frame(*CLEAN, CLEAN[0]), d("0"), currency="USD").findings
    assert one.filter(finding="doubled rows")["detail"][0].endswith("they count")


def test_lines_of_an_unknown_type_are_doubled_too():
    unknown = pl.concat([lines(ONE_TIME, ROW).with_columns(object_type=pl.lit("New"))] * 2)
    found = proof_of(unknown, total="0").findings
    assert found.select("finding", "object_type", "lines", "amount").rows() == [
        ("doubled rows", "New", 1, None)
    ]


def test_doubled_usage_is_a_note_with_its_amount():
    day = {"billing_pre_tax_total": d("1.5"), "billing_currency": "USD"}
    billed = lines(ONE_TIME, {**ROW, "subscription_id": None})
    found = proof_of(billed, lines(DAILY_RATED, day, day), total="1").findings
    rows_ = found.filter(finding="doubled rows").select("severity", "lines", "amount").rows()
    assert rows_ == [("note", 1, d("1.5"))]


def test_charges_of_daily_usage_do_not_say_the_day_so_none_is_a_copy():
    usage = charge(object_type=DAILY_RATED, line_item_type="usage", total=None)
    assert ik.reconcile(frame(usage, usage), d("0"), currency="USD").findings.is_empty()


# --- header only

WRONG = charge(subtotal=d("5"), tax=d("0.41"), total=d("6.41"))
EURO = taxed("5", "0.41", currency="EUR")
ROWS = "subtotal + tax of the rows with another total"
AS_THEY_ARE = "the amounts in another currency as they are"
COPY = (
    "without this line the lines add up to the invoice; a copy of another line; one of these 2 "
    "lines of the same amount"
)


def test_a_difference_that_a_line_bears_is_not_in_the_header_only():
    assert "header only" not in found_in(*CLEAN, total=SUM - CLEAN[0]["total"])
    assert "header only" in found_in(*CLEAN, total=SUM - d("108.26"))


def test_a_difference_that_wrong_rows_or_other_currencies_are_is_not_in_the_header_only():
    assert set(found_in(*CLEAN, WRONG, total=SUM + d("5.41"))) == {"row total"}
    assert set(found_in(*CLEAN, EURO, total=SUM + d("5.41"))) == {"other currency"}
    both = found_in(*CLEAN, WRONG, EURO, total=SUM + d("5.41") + d("5.41"))
    assert set(both) == {"row total", "other currency"}


def test_what_is_said_of_a_difference_that_no_line_bears_is_true_of_several_causes_too():
    proof = ik.reconcile(frame(*CLEAN, WRONG), SUM + d("5.41") - 3, currency="USD")
    (found,) = proof.findings.filter(finding="header only").iter_rows(named=True)
    assert found["amount"] == -4
    assert found["detail"].startswith("the header's total is less than the lines by")
    assert "or several causes together" in found["detail"]


@pytest.mark.parametrize(
    ("charges", "total", "what", "made", "left"),
    [
        ([WRONG], "-4", [ROWS], "-1.00", "-3.00 is left"),
        ([WRONG, CLEAN[0]], "-109.25", [ROWS], "-1.00", f"-108.25 is left: {COPY}"),
        ([EURO], "8.41", [AS_THEY_ARE], "5.41", "3.00 is left"),
        ([WRONG, EURO, CLEAN[0]], "-102.84", [AS_THEY_ARE], "5.41", f"-108.25 is left: {COPY}"),
        ([WRONG, EURO], "-1000.59", [ROWS, AS_THEY_ARE], "4.41", "-1,005.00 is left"),
    ],
)
def test_what_is_left_without_other_causes_is_said(charges, total, what, made, left):
    lines_ = frame(*CLEAN, *charges)
    own = lines_.filter(currency="USD")["total"].sum()
    proof = ik.reconcile(lines_, own + d(total), currency="USD")
    (found,) = proof.findings.filter(finding="header only").iter_rows(named=True)
    assert found["amount"] == d(total)
    said = f"; if the header has {' and '.join(what)}, that is {made} of it, and {left}"
    assert found["detail"].endswith(f"or several causes together{said}")


def test_an_incomplete_invoice_has_nothing_in_its_header_only():
    details = pl.DataFrame({"provider": ["onetime", "azure"], "line_item_type": ["billing"] * 2})
    proof = ik.reconcile(frame(*CLEAN), SUM - 7, currency="USD", details=details)
    assert proof.state == "incomplete"
    assert proof.findings.is_empty()


def test_the_header_s_notes_are_named(serve, open_client):
    note = {"id": "N\u202e1", "documentType": "AdjustmentNote", "totalCharges": -4.5,
            "currencyCode": "USD"}  # fmt: skip
    header = invoice("G1", "-3.40", date=CLOSED, documentType="invoice", amendments=[note])
    client = open_client(serve(Partner(header, lines=page(rows(line("1.10"))))))
    proofs = [client.invoice("G1").reconcile(), client.invoice("G1").reconcile()]  # stored by now
    proofs.append(client.invoice("G1").sync().proof)
    for proof in proofs:
        (found,) = proof.findings.filter(finding="header only").iter_rows(named=True)
        assert found["amount"] == d("-4.5")
        assert "the header names adjustment note N1 of -4.5 USD" in found["detail"]


# --- tax rates


@pytest.mark.parametrize(
    ("base", "tax"),
    [("0", "1"), ("5", "-0.41"), ("-5", "0.41"), ("1", "1.01"), ("100", "8.27"), ("100", "0")],
)
def test_an_odd_tax(base, tax):
    assert found_in(*CLEAN, taxed(base, tax)) == {"tax rate": (1, d(tax))}


def test_a_tax_that_is_more_than_its_subtotal_is_odd_by_itself():
    assert found_in(taxed("1", "1.01")) == {"tax rate": (1, d("1.01"))}
    assert found_in(taxed("1", "1.00")) == {}


@pytest.mark.parametrize(
    "line_",
    [
        taxed("100", "8.26"),  # a rounding of 1 either way is none
        taxed("100", "8.24"),
        taxed("0.05", "0"),
        taxed("0.03", "0.01"),
        taxed("-50", "0", charge_family="credit"),
        taxed("0", "-5", charge_family="tax"),
        taxed("70", "14", customer_id="c2"),  # the only one of its customer
    ],
)
def test_no_odd_tax(line_):
    assert found_in(*CLEAN, line_) == {}


def test_a_customer_with_few_lines_is_judged_by_its_country():
    country = [taxed(f"{n}00", f"{n * 8}.25", country="US", customer_id=f"c{n}")
               for n in range(1, 2)]  # fmt: skip
    several = [taxed(f"{n}00", str(d("8.25") * n), country="US", customer_id=f"c{n}")
               for n in range(1, 9)]  # fmt: skip
    odd = taxed("70", "14", country="US", customer_id="c20")
    assert found_in(*several, odd) == {"tax rate": (1, d("14"))}
    assert found_in(*country, odd) == {}


def test_two_rates_in_a_country_are_no_news():
    several = [taxed(f"{n}00", str(d(rate) * n), country="US", customer_id=f"c{n}{rate}")
               for n in range(1, 9) for rate in ("8.25", "6.00")]  # fmt: skip
    assert found_in(*several) == {}


def test_amounts_beyond_what_rates_are_judged_of_are_left_alone():
    assert found_in(taxed("12345678901234.5", "1"), *CLEAN) == {}


# --- usage


def billed(amount: str, **fields: object) -> dict[str, object]:
    return {
        **ROW, "subtotal": d(amount), "total_for_customer": d(amount), "subscription_id": "s1",
        "charge_type": "new", "unit_type": "1 Hour", **fields,
    }  # fmt: skip


def used(amount: str, day: int = 1, **fields: object) -> dict[str, object]:
    return {
        "subscription_id": "S1", "billing_pre_tax_total": d(amount), "billing_currency": "USD",
        "usage_date": date(2026, 9, day), "meter_category": "Storage", **fields,
    }  # fmt: skip


def restated(billing: list[dict[str, object]], days: list[dict[str, object]], **more: object):
    """The finding of usage that is not what was billed: lines, amount and words."""
    frames = lines(ONE_TIME, *billing), lines(DAILY_RATED, *days)
    total = sum((one["total_for_customer"] for one in billing), d("0"))
    found = proof_of(*frames, total=str(total), **more).findings
    assert set(found["finding"]) <= {"restated usage"}
    return found.select("lines", "amount", "detail").rows()


@pytest.mark.parametrize(
    ("billing", "days"),
    [
        ([billed("10.00")], [used("4.5"), used("5.509999999", 2)]),  # rounded down
        ([billed("10.00"), billed("5.00", order_id="o2")], [used("15.019")]),  # each of two lines
        ([billed("-10.00")], [used("-10.009")]),  # towards 0
        ([billed("10.00", pc_to_bc_exchange_rate=d("2"))], [used("10.029")]),  # twice
        ([billed("10.00", pc_to_bc_exchange_rate=d("2")),
          billed("5.00", pc_to_bc_exchange_rate=d("1"), order_id="o2")], [used("15.059")]),
        ([billed("10.00"), billed("-3", charge_type="customerCredit")], [used("10.00")]),
        ([billed("10.00"), billed("9", unit_type=None, order_id="seats")], [used("10.00")]),
        ([billed("10.00", unit_type=None)], [used("10.00")]),  # payloads of 2018 do not say
        ([billed("10.00", subscription_id=None)], [used("99")]),  # nor whose it is
        ([billed("10.00")], [used("10.00"), used("99", subscription_id=None)]),
        ([billed("10.00")], [used("10.00"), used("0", subscription_id="s2")]),  # free of charge
        ([billed("3", meter_description="Storage - Tables"),
          billed("4", meter_description="SQL Database - vCore", order_id="o2")],
         [used("3.005"), used("4.005", meter_category="SQL Database")]),
    ],
)  # fmt: skip
def test_usage_that_is_what_was_billed(billing, days):
    assert restated(billing, days) == []


@pytest.mark.parametrize(
    ("billing", "days", "count", "amount", "words"),
    [
        ([billed("10.00")], [used("10.01")], 1, "0.01", "s1, 10.01 used, 10.00 billed"),
        ([billed("10.00")], [used("9.999999")], 1, "-0.000001", "9.999999 used"),
        ([billed("-10.00")], [used("-10.01")], 1, "-0.01", "-10.01 used"),
        ([billed("10.00", pc_to_bc_exchange_rate=d("2"))], [used("10.03")], 1, "0.03", "10.03"),
        ([billed("10.00")], [used("4"), used("5", 2)], 2, "-1", "9.00 used"),
        ([billed("10.00")], [used("10"), used("1", subscription_id="s2")], 1, "1",
         "s2, 1.00 used, 0.00 billed"),
        ([billed("10.00"), billed("2", subscription_id="s2", meter_description="x")],
         [used("10")], 0, "-2", "s2, 0.00 used, 2.00 billed"),
        # In sum they are the same; by category they are not.
        ([billed("3", meter_description="Storage"),
          billed("4", meter_description="SQL Database", order_id="o2")],
         [used("4"), used("3", meter_category="SQL Database")], 2, "0", "(storage), 4.00 used"),
    ],
)  # fmt: skip
def test_usage_that_is_not_what_was_billed(billing, days, count, amount, words):
    ((found, by, detail),) = restated(billing, days)
    assert (found, by) == (count, d(amount))
    assert words in detail


def test_usage_is_compared_however_large_and_refused_where_its_sums_would_wrap():
    large = "9000000000000"
    ((_, more, _),) = restated([billed(large)], [used(large), used(large, 2)])
    assert more == d(large)
    with pytest.raises(ik.FrameError, match="too large to be checked exactly"):
        restated([billed("1")], [used("90000000000000"), used("90000000000000", 2)])
    quarter = f"{2**126}e-24"  # four of them wrap to nothing
    with pytest.raises(ik.FrameError, match="too large to be checked exactly"):
        restated([billed("1")], [used(quarter, asked_provider=one) for one in "abcd"])


def test_usage_of_another_currency_is_not_what_was_billed():
    ((found, _, _),) = restated([billed("10.00")], [used("10", billing_currency="EUR")])
    assert found == 1


def test_usage_in_files_is_not_compared_since_nobody_says_that_all_are_there():
    assert restated([billed("10.00")], [used("99")], source="files") == []


def test_usage_is_not_compared_where_not_all_of_it_or_of_the_billing_lines_is_here():
    both = lines(ONE_TIME, billed("10.00")), lines(DAILY_RATED, used("4"))
    whole = invoice_lines(*both)
    assert "restated usage" in set(whole.proof(d("10"), "USD").findings["finding"])
    none_yet = CollectionResult("marketplace", "usage", "no data yet")
    refused = CollectionResult("marketplace", "billing", "refused (403)")
    for more in (none_yet, refused):
        part = replace(whole, results=[*whole.results, more])
        assert "restated usage" not in set(part.proof(d("10"), "USD").findings["finding"])


def test_legacy_usage_is_compared_by_quantity_and_resource():
    key = {"subscription_id": "S1", "resource_guid": "R1"}
    bill = {**key, "charge_type": "Assess usage fee for current cycle", "currency": "USD",
            "customer_id": "c1", "pretax_charges": d("2"), "tax_amount": d("0"),
            "post_tax_total": d("2"), "consumed_quantity": d("7.123456")}  # fmt: skip

    def found(*quantities: str):
        days = [
            {"subscription_id": "s1", "resource_guid": "r1", "consumed_quantity": d(one), "page": n}
            for n, one in enumerate(quantities)
        ]
        both = lines(METERED, bill), lines(DAILY, *days)
        return proof_of(*both, total="2").findings.select("finding", "lines", "amount").rows()

    assert found("3.5", "3.6234561234") == []
    assert found("3.5", "3.6") == [("restated usage", 2, None)]


# --- drifted columns


def test_a_field_that_nobody_documents_is_found_with_the_lines_that_have_it():
    frame_ = lines(ONE_TIME, ROW, {**ROW, "order_id": "o2", "new_\u202efield": "x", "quote_id": "q",
                                   "unit_price_as_sent": "1e99"})  # fmt: skip
    found = proof_of(frame_, total="4").findings
    assert found.select("finding", "severity", "lines", "amount").rows() == [
        ("drifted column", "note", 1, None)
    ]
    assert "'new_" in found["detail"][0]
    assert "\u202e" not in found["detail"][0]


def test_names_of_fields_from_outside_are_names_and_no_patterns(serve, open_client):
    """polars takes `^.*$` for many columns."""
    odd = dict.fromkeys(("^.*$", "*", "<script>"), '"x"')
    service = serve(Partner(lines=page(rows(line(**odd), line(**odd)))))
    with pytest.warns(UserWarning, match="does not document"):
        proof = open_client(service).invoice("G1").reconcile()
    found = proof.findings
    assert found.filter(finding="doubled rows")["lines"].to_list() == [1]
    assert found.filter(finding="drifted column")["lines"].to_list() == [2] * 3
    assert proof.suspects["total"].to_list() == [d("1.1")] * 2


# --- the demo partner


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.filterwarnings("ignore:OneTimeInvoiceLineItem came with fields")
def test_each_fault_of_the_demo_partner_is_found_by_its_name(fault, demo):
    clean = demo.latest.reconcile().findings
    told = ["finding", "lines", "amount"]
    with ik.demo(faults=[fault]) as spoilt:
        found = spoilt.latest.reconcile().findings
    new = found.join(clean, on=told, how="anti", nulls_equal=True)["finding"].to_list()
    assert new == ([FAULTS[fault].finding] if FAULTS[fault].finding in NAMES else [])


@pytest.mark.filterwarnings("ignore:OneTimeInvoiceLineItem came with fields")
def test_all_faults_of_the_demo_partner_together():
    with ik.demo(faults=FAULTS) as spoilt:
        assert set(spoilt.latest.reconcile().findings["finding"]) == NAMES


def test_of_the_demo_partner_s_invoices_only_what_is_true_is_found(demo):
    """Lines without a customer, and equal lines that were billed several times: no more."""
    for name in demo.invoices()["invoice_id"]:
        invoice_ = demo.invoice(name)
        proof = invoice_.reconcile()
        found = {row[0]: row[1] for row in proof.findings.select("finding", "lines").rows()}
        items = invoice_.line_items()
        fields = {kind: frame_.drop("page") for kind, frame_ in items.items()}
        copies = sum(frame_.height - frame_.unique().height for frame_ in fields.values())
        nobody = invoice_.charges()["customer_id"].null_count()
        wanted = {"doubled rows": copies, "no customer": nobody}
        assert (found.pop("header only", None) is None) == proof.ties
        assert found == {key: count for key, count in wanted.items() if count}


def test_of_the_store_the_same_is_found_as_of_memory(fresh_demo):
    name = "G012345607"
    first = fresh_demo.invoice(name)
    items = first.line_items().lines.proof(first.total, first.currency)
    stored = fresh_demo.invoice(name).reconcile()
    assert items.findings.equals(stored.findings)
    assert items.suspects.equals(stored.suspects)
    assert not stored.findings.is_empty()


# --- when, and of what


def test_findings_are_looked_for_once_when_they_are_asked_for(monkeypatch):
    calls = []
    check = module.Check("no customer", "note", lambda *_: calls.append(1) or iter(()))
    monkeypatch.setattr(module, "CHECKS", (check,))
    proof = ik.reconcile(frame(*CLEAN), SUM, currency="USD")
    assert calls == []
    assert proof.findings.equals(proof.findings)
    assert calls == [1]


def test_what_is_done_to_the_frame_of_findings_is_not_kept():
    proof = ik.reconcile(frame(charge(customer_id=None)), d("1"), currency="USD")
    proof.findings.drop_in_place("finding")
    assert proof.findings["finding"].to_list() == ["no customer"]


def test_lines_that_are_gone_since_they_were_proven_are_told(serve, open_client):
    header = invoice("G1", "1.00", date=CLOSED)
    client = open_client(serve(Partner(header, lines=page(rows(line("1.10"))))))
    client.invoice("G1").line_items()
    proof = client.invoice("G1").reconcile()  # of the store
    client.cache.clear()
    with pytest.raises(ik.FrameError, match=r"G1 .*reconcile\(\) again"):
        _ = proof.findings
    with pytest.raises(ik.FrameError, match=r"G1 .*reconcile\(\) again"):
        _ = proof.suspects


@pytest.mark.parametrize("engine", ["lazy", "to_arrow"])
def test_charges_of_other_engines(engine):
    charges = frame(*CLEAN, charge(customer_id=None, order_id="x"))
    given_ = getattr(charges, engine)()
    proof = ik.reconcile(given_, SUM, currency="USD")
    assert proof.findings.select("finding", "lines").rows() == [("no customer", 1)]
    assert proof.suspects["total"].to_list() == [d("1")]


def test_amounts_that_are_too_large_are_refused_and_never_wrap():
    large = charge(subtotal=d("-6e13"), tax=d("0"), total=d("6e13"))
    with pytest.raises(ik.FrameError, match="too large to be checked"):
        found_in(large)


def test_nulls_everywhere_and_no_lines_at_all():
    nothing = frame(dict.fromkeys(charge()))
    found = ik.reconcile(nothing, d("0"), currency="USD").findings
    assert found["finding"].to_list() == ["other currency", "no customer"]
    assert ik.reconcile(frame(), d("0"), currency="USD").findings.is_empty()


# --- properties


@st.composite
def clean_lines(draw: st.DrawFn) -> list[dict[str, object]]:
    """Lines of some customers, each with a rate of its own, no two equal."""
    found = []
    for customer in range(draw(st.integers(1, 4))):
        rate = draw(st.sampled_from(["0", "0.0825", "0.19", "0.2"]))
        for number in range(draw(st.integers(1, 8))):
            base = d(draw(st.integers(-10_000, 10**7))) / 100
            tax = (base * d(rate)).quantize(d("0.01"))
            found.append(
                {
                    "customer_id": f"c{customer}", "order_id": f"o{customer}-{number}",
                    "subtotal": base, "tax_total": tax, "total_for_customer": base + tax,
                    "currency": "USD", "page": draw(st.integers(1, 3)),
                    "charge_start_date": datetime(2026, 9, 1, tzinfo=UTC),
                }
            )  # fmt: skip
    return found


def told(rows_: list[dict[str, object]], total: Decimal) -> set[tuple]:
    found = proof_of(lines(ONE_TIME, *rows_), total=str(total)).findings
    return set(found.select("finding", "lines", "amount", "severity").iter_rows())


def total_of(rows_: list[dict[str, object]]) -> Decimal:
    return sum((row["total_for_customer"] for row in rows_), d("0"))


@given(clean_lines())
@settings(max_examples=60, deadline=None)
def test_nothing_is_found_on_a_clean_invoice(rows_):
    assert told(rows_, total_of(rows_)) == set()


def off_by_a_cent(row):
    return {**row, "total_for_customer": row["total_for_customer"] + d("0.01")}


SPOILT = {
    "row total": lambda rows_, n: [*rows_[:n], off_by_a_cent(rows_[n]), *rows_[n + 1 :]],
    "other currency": lambda rows_, n: [*rows_[:n], {**rows_[n], "currency": "EUR"},
                                        *rows_[n + 1 :]],
    "no customer": lambda rows_, n: [*rows_[:n], {**rows_[n], "customer_id": None},
                                     *rows_[n + 1 :]],
    "tax rate": lambda rows_, n: [*rows_, {**rows_[n], "order_id": "odd", "subtotal": d("7"),
                                           "tax_total": d("7.5"),
                                           "total_for_customer": d("14.5")}],
    "drifted column": lambda rows_, _: [{**row, "newest_field": "x"} for row in rows_],
    "doubled rows": lambda rows_, n: [*rows_, {**rows_[n], "page": 9}],
}  # fmt: skip


@given(clean_lines(), st.sets(st.sampled_from(sorted(SPOILT)), min_size=1), st.randoms())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_planted_fault_is_found_and_order_changes_nothing(rows_, faults, random):
    for fault in sorted(faults, key=list(SPOILT).index):  # copies come last
        rows_ = SPOILT[fault](rows_, random.randrange(len(rows_)))
    own = total_of([row for row in rows_ if row["currency"] == "USD"])
    found = told(rows_, own)
    assert {row[0] for row in found} == faults
    random.shuffle(rows_)
    assert told(rows_, own) == found

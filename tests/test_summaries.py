"""What is owed per currency, and a client's invoices one after the other."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

import invoicekit as ik
from support.server import Reply, invoice, page, rows


def balance(amount: str, currency: str = "USD", **more: object) -> str:
    """An InvoiceSummary as JSON text; the amount is a literal as given."""
    fields = {
        "currencyCode": currency,
        "currencySymbol": "$",
        "accountingDate": "2026-11-05T12:30:00",
        "firstInvoiceCreationDate": "2023-12-05T00:00:00Z",
        "lastPaymentDate": "2026-09-25T00:00:00",
        "lastPaymentAmount": 5,
        "latestInvoiceDate": "2026-11-05T00:00:00Z",
        "details": [{"invoiceType": "OneTime", "summary": {"balanceAmount": 1}}],
        "links": {"self": {"uri": "/invoices/summary"}},
        "attributes": {"objectType": "InvoiceSummary"},
        **more,
    }
    return f'{{"balanceAmount":{amount},{json.dumps(fields)[1:]}'


def test_balances_are_exact_a_row_per_currency(serve, open_client):
    never = {"lastPaymentDate": "0001-01-01T00:00:00", "lastPaymentAmount": 0}
    service = serve(lambda _: page(rows(balance("0.1"), balance("-12.30", "EUR", **never))))
    found = open_client(service).summaries()
    assert found.columns == [
        "currency", "balance_amount", "last_payment_amount", "last_payment_date",
        "latest_invoice_date", "first_invoice_date", "accounting_date", "currency_symbol",
    ]  # fmt: skip
    assert found["currency"].to_list() == ["EUR", "USD"]
    assert found["balance_amount"].to_list() == [Decimal("-12.30"), Decimal("0.1")]
    assert found["last_payment_date"].to_list() == [None, date(2026, 9, 25)]
    assert found["first_invoice_date"].to_list() == [date(2023, 12, 5)] * 2
    assert found["accounting_date"][0] == datetime(2026, 11, 5, 12, 30, tzinfo=UTC)
    assert service.asked[-1].target == "/v1/invoices/summaries"


def test_balances_are_kept_for_an_hour_and_asked_again_on_demand(serve, open_client):
    service = serve(lambda _: page(rows(balance(str(len(service.asked))))))
    client = open_client(service)
    amounts = [client.summaries(refresh=again)["balance_amount"][0] for again in (0, 0, 1)]
    assert len(service.asked) == 2
    assert amounts[0] == amounts[1] != amounts[2]


def test_a_partner_without_invoices_owes_nothing(serve, open_client):
    found = open_client(serve(lambda _: page([]))).summaries()
    assert (found.height, found.columns[:2]) == (0, ["currency", "balance_amount"])


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (Reply(b'{"code":900329}', 403), ik.AccessError, "no app-only token"),
        (page(rows(balance('"much"'))), ik.FrameError, "balance_amount: not a number"),
        (page(rows(balance("1"), balance("2"))), ik.PageError, "a currency twice"),
        (Reply(b"<html>"), ik.FetchError, "web page"),
    ],
)
def test_balances_that_cannot_be_read_are_an_error(serve, open_client, answer, error, words):
    client = open_client(serve(lambda _: answer))
    for _ in range(2):
        with pytest.raises(error, match=words):
            client.summaries()


def test_the_demo_owes_what_its_headers_leave_open(demo):
    headers = demo.invoices()
    for currency, owed in demo.summaries().select("currency", "balance_amount").iter_rows():
        ours = headers.filter(currency=currency)
        assert owed == ours["total_charges"].sum() - ours["paid_amount"].sum()


def test_a_client_is_its_invoices_newest_first(serve, open_client):
    headers = [invoice(f"G{day}", f"{day}.00", date=f"2020-01-0{day}T00:00:00Z") for day in (1, 3)]
    service = serve(lambda _: page(rows(*headers)))
    client = open_client(service)
    assert [(one.id, one.total) for one in client] == [("G3", Decimal(3)), ("G1", Decimal(1))]
    assert len(service.asked) == 1


def test_estimates_are_listed_by_period_and_asked_each_time(serve, open_client):
    link = {"uri": "/invoices/unbilled/lineitems?provider=all&period=current", "method": "GET"}
    row = {"type": "non_consumption", "title": "Licences", "period": "Current", "link": link}
    service = serve(lambda _: page(rows(json.dumps(row), json.dumps({"title": "no more"}))))
    client = open_client(service)
    for _ in range(2):
        found = client.estimate_links(currency="eur")
    assert found.rows() == [
        ("current", "non_consumption", "Licences", None, link["uri"]),
        (None, None, "no more", None, None),
    ]
    assert [one.target for one in service.asked] == [
        "/v1/invoices/estimates/links?currencycode=EUR"
    ] * 2
    with pytest.raises(ValueError, match="'DOLLARS' is no currency"):
        client.estimate_links(currency="dollars")

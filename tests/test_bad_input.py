"""What comes from outside and is wrong: each with an error that names the thing and the remedy."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

import invoicekit as ik
from support.partner import SEEK_LINK, Partner, two_pages
from support.server import TOKEN, Reply, invoice, line, page, rows


def test_an_unknown_invoice_id(recorded):
    with pytest.raises(ik.NotFoundError, match=r"404 for .*/v1/invoices/G999") as told:
        recorded.invoice("G999")
    error = told.value
    assert (error.status, error.url.rsplit("/", 1)[1]) == (404, "G999")
    assert "client.invoices()" in error.hint
    assert error.request_id
    assert error.correlation_id


@pytest.mark.parametrize(
    "invoice_id", ["../customers", "G1/lineitems", "..", ".", "", " ", "G1?x=1", "G1\nHost: evil",
                   "G1#x", "a\\b", "%2e%2e", "G1\x00", "G1\u2028", "G1\udcff"],
)  # fmt: skip
def test_an_id_that_would_lead_elsewhere_is_never_asked(serve, open_client, invoice_id):
    service = serve(lambda _: invoice().encode())
    with pytest.raises(ValueError, match="is no id"):
        open_client(service).invoice(invoice_id)
    assert service.asked == []


def test_an_id_with_odd_letters_is_encoded(serve, open_client):
    service = serve(lambda _: invoice("G 1é").encode())
    assert open_client(service).invoice("G 1é").id == "G 1é"
    assert service.asked[0].target == "/v1/invoices/G%201%C3%A9"


def test_another_invoice_than_the_one_asked_for(serve, open_client):
    with pytest.raises(ik.PageError, match="asked for invoice G1, and the service sent another"):
        open_client(serve(lambda _: invoice("G2").encode())).invoice("G1")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token(serve, open_client, status):
    body = b'{"code":900420,"description":"wrong audience for Bearer %s","data":[],"source":"x"}'
    service = serve(lambda _: Reply(body.replace(b"%s", TOKEN.encode()), status))
    with pytest.raises(ik.AccessError) as told:
        open_client(service).invoices()
    error = told.value
    assert (error.status, error.code) == (status, "900420")
    assert error.description == "wrong audience for Bearer (secret)"
    assert error.hint.lower() in str(error).lower()
    assert TOKEN not in str(error) + repr(error.__dict__)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!DOCTYPE html><title>Sign in</title>", "web page where JSON should be"),
        (b"\xef\xbb\xbf \r\n<html>", "web page where JSON should be"),
    ],
)
def test_a_web_page_where_json_should_be(serve, open_client, tmp_path, body, words):
    service = serve(lambda _: body)
    for _ in range(2):  # it is not kept
        with pytest.raises(ik.FetchError, match=words):
            open_client(service).invoices()
    assert len(service.asked) == 2
    assert list(tmp_path.rglob("*.page")) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (page(rows(line()))[:-30], "not JSON, or cut short"),
        (b"", "empty where a JSON page should be"),
        (b'{"totalCount":0}', "required field `items`"),
        (b"[]", "not a page of items"),
    ],
)
def test_a_body_that_is_no_page(serve, open_client, body, words):
    service = serve(Partner(lines=body))
    for _ in range(2):
        with pytest.raises(ik.PageError, match=words) as told:
            open_client(service).invoice("G1").line_items()
        assert "page 1 of onetime/billing of G1" in str(told.value)
    assert sum("lineitems" in asked.target for asked in service.asked) == 2


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/v1/invoices",
        "//evil.example/v1/invoices",
        "http://127.0.0.1:1/v1/invoices",
        "https://127.0.0.1/v1",
        "ftp://x/y",
        "javascript:alert(1)",
    ],
)
def test_a_link_to_another_origin_is_refused(serve, open_client, uri):
    service = serve(Partner(lines=page(rows(line()), uri=uri)))
    with pytest.raises(ik.PageError, match="another host, which is never asked"):
        open_client(service).invoice("G1").line_items()
    assert len(service.asked) == 2


def test_a_link_that_names_our_own_host_is_followed(serve, open_client):
    partner = Partner(lines=two_pages())
    service = serve(partner)
    partner.lines[0] = page(rows(line(name="A")), uri=f"{service.url}/v1{SEEK_LINK}", token="1")
    assert open_client(service).invoice("G1").charges().height == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_origin_is_refused_and_never_sees_the_token(
    serve, open_client, status
):
    other = serve(lambda _: invoice().encode())
    location = {"Location": f"{other.url}/v1/invoices/G1"}
    service = serve(lambda _: Reply(b"", status, location))
    with pytest.raises(ik.PageError, match="redirects to another host"):
        open_client(service).invoice("G1")
    assert other.asked == []


def test_a_circle_of_links(serve, open_client):
    def lines(asked):
        name = asked.token or ""
        return page(rows(line(name=name)), uri=SEEK_LINK, token="b" if name == "a" else "a")

    service = serve(Partner(lines=lines))
    with pytest.raises(ik.PageError, match="circle"):
        open_client(service).invoice("G1").line_items()
    assert len(service.asked) == 4


@pytest.mark.parametrize(
    ("total", "words"),
    [
        ('"a lot"', "row 2, column subtotal: not a number"),
        ("0.0000000000000000000000001", "row 2, column subtotal: the number has more than 24 dec"),
        ("123456789012345", "row 2, column subtotal: the number is too large"),
    ],
)
def test_money_that_cannot_be_kept_exactly(serve, open_client, total, words):
    service = serve(Partner(lines=page(rows(line(), line(total)))))
    with pytest.raises(ik.FrameError, match=words):
        open_client(service).invoice("G1").totals("customer")


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        pytest.param(lambda body: body.replace(b'"7.77"', b'"a lot"'), ik.FrameError, id="amount"),
        pytest.param(lambda body: body[:-40], ik.PageError, id="cut"),
        pytest.param(lambda body: b'{"items": [], ' + body[1:], ik.PageError, id="said twice"),
        pytest.param(lambda body: b'{"totalCount": 2, ' + body[1:], ik.PageError, id="total twice"),
    ],
)
def test_no_traceback_shows_the_lines_of_a_page(serve, open_client, spoil, error):
    """`pytest.raises` looks at each local variable for the name (see `leaks.py`)."""
    body = spoil(page(rows(line(), line('"7.77"', name="S3CRET BAKERY"))))
    found = open_client(serve(Partner(lines=body))).invoice("G1")
    for ask in (found.line_items, found.charges, lambda: found.totals("customer")):
        with pytest.raises(error):
            ask()


def test_an_unknown_object_type_makes_the_invoice_incomplete(serve, open_client):
    service = serve(Partner(lines=page(rows(line(), line("5", object_type="New<Thing>")))))
    found = open_client(service).invoice("G1")
    with pytest.warns(UserWarning, match="not known"):
        proof = found.reconcile()
    assert (proof.state, proof.missing) == (
        "incomplete",
        ["onetime/billing (unknown objectType)"],
    )
    assert found.line_items()["New<Thing>"]["total_for_customer"].to_list() == ["5"]


def pair(provider: object, kind: object) -> list[dict[str, object]]:
    return [{"billingProvider": provider, "invoiceLineItemType": kind}]


@pytest.mark.parametrize(
    "details",
    [
        [],
        None,
        "missing",
        [{"links": {}}],
        "text",
        pair("", "billing_line_items"),
        pair("one_time", " - "),
        pair(None, "billing_line_items"),
        pair("one_time", 5),
    ],
)
def test_an_invoice_without_details(serve, open_client, details):
    header = invoice(pairs=())
    more = {"missing": header.replace('"invoiceDetails": [], ', "")}
    if details != "missing":
        more = {"missing": invoice(invoiceDetails=details)}
    service = serve(lambda _: more["missing"].encode())
    found = open_client(service).invoice("G1")
    for ask in (found.line_items, found.reconcile, found.charges):
        with pytest.raises(ik.PageError, match=r"invoice G1 .*invoiceDetails"):
            ask()


@pytest.mark.parametrize("field", ["totalCharges", "currencyCode", "id"])
def test_a_header_that_cannot_be_reconciled(serve, open_client, field):
    header = invoice().replace(f'"{field}"', '"other"')
    with pytest.raises((ik.FrameError, ik.PageError)):
        open_client(serve(lambda _: header.encode())).invoice("G1")


def test_nobody_there(serve, open_client):
    service = serve(lambda _: b"")
    service.close()
    with pytest.raises(ik.FetchError, match="could not read") as told:
        open_client(service).invoices()
    assert told.value.__cause__ is not None


def test_an_error_s_words_are_short_and_on_one_line(serve, open_client):
    words = "x" * 5000 + "\x1b[31m\nnext"
    service = serve(lambda _: Reply(f'{{"code":3000,"description":"{words}"}}'.encode(), 400))
    with pytest.raises(ik.FetchError) as told:
        open_client(service).invoices()
    assert len(str(told.value)) < 600
    assert "\x1b" not in str(told.value)


def test_nothing_of_the_token_is_anywhere(serve, open_client, tmp_path: Path, caplog, capsys):
    """In no file, log, repr, error or output, whatever went wrong."""
    caplog.set_level(logging.DEBUG)
    answers = [
        page(rows(line())),
        Reply(f'{{"description":"{TOKEN}"}}'.encode(), 400),
        Reply(b"", 302, {"Location": f"/{TOKEN}"}),
        Reply(b"<html>" + TOKEN.encode()),
        Reply(page(rows(line())), cut=20),
    ]
    service = serve(Partner(lines=lambda _: answers[0]))
    client = open_client(service)
    told = [repr(client), client._repr_html_(), repr(client.settings), repr(client._session)]
    found = client.invoice("G1")
    told += [repr(found), repr(found.line_items()), str(found.line_items().ledger.rows())]
    while len(answers) > 1:
        answers.pop(0)
        with pytest.raises(ik.InvoiceKitError) as error:
            found.line_items(refresh=True)
        chain = error.value
        while chain is not None:
            told += [str(chain), repr(chain), repr(vars(chain))]
            chain = chain.__cause__ or chain.__context__
    told += [record.getMessage() for record in caplog.records]
    told += capsys.readouterr()
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert not any(TOKEN.encode() in content for content in written)
    assert [text for text in told if TOKEN in text] == []

"""The report: one file, offline, exact, the same bytes, and nothing in it runs but our scripts."""

import base64
import hashlib
import re
from decimal import Decimal
from unicodedata import category

import pytest

from invoicekit.analysis.comparison.compare import compare
from invoicekit.show.explorer.widget import Explorer
from invoicekit.show.report.html import html_of_report, write_report
from invoicekit.visible import INVISIBLE
from support.charges import frame
from support.show_samples import EVIL, PlainClient, PlainInvoice, charge, many


@pytest.fixture(scope="module")
def html():
    return html_of_report(PlainInvoice())


def body_of(html):
    """The page without what is plotly's own."""
    return re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)


def test_the_same_invoice_gives_the_same_bytes(html, tmp_path):
    path = write_report(PlainInvoice(), tmp_path / "a.html")

    assert path == tmp_path / "a.html"
    assert path.read_bytes() == html.encode()
    assert list(tmp_path.iterdir()) == [path]


def test_sections_come_in_the_order_of_an_analysts_questions(html):
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", html)

    assert headings == [
        "What the invoice is made of",
        "What is odd about it",
        "Who makes it up",
        "What was bought",
        "Charges and credits",
        "Line items",
        "Pages read",
    ]
    assert html.index('class="tie-out"') < html.index("<h2")


def test_the_badge_says_the_state_in_words_and_by_how_much():
    states = {
        "✔ ties: ": PlainInvoice(),
        "✘ differs: ": PlainInvoice(credit=Decimal("-57.07")),
        "incomplete: ": PlainInvoice(unread=True),
    }
    pages = {words: html_of_report(invoice) for words, invoice in states.items()}

    assert all(words in page for words, page in pages.items())
    assert "difference -57.07" in pages["✘ differs: "]
    assert "azure/billing" in pages["incomplete: "].split("</header>")[0]


def facts_of(html):
    """What stands below the badge: name -> words."""
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html))


def test_its_head_says_whose_it_is_of_when_what_is_open_and_whence_the_lines(html):
    assert facts_of(html) == {
        "Partner": "&lt;script&gt;alert(1)&lt;/script&gt;",
        "Billing period": "2026-10-01 to 2026-10-31",
        "Invoice date": "2026-11-05",
        "Total": "1,178.90 USD",
        "Net": "1,178.90 USD",
        "Tax": "0.00 USD",
        "Paid": "0.00 USD",
        "Open": "1,178.90 USD",
        "Named by the invoice": "onetime billing",
        "Lines read from": "Partner Center",
    }


def test_net_and_tax_are_not_told_of_an_invoice_that_they_are_not_proven_to_be():
    """Lines that do not tie, or whose totals have more in them, say nothing of its net."""
    for invoice in (
        PlainInvoice(credit=Decimal("-57.07")),
        PlainInvoice(unread=True),
        PlainInvoice(lines=frame(charge(total="10.00", subtotal=None))),
        PlainInvoice(lines=frame(charge(total="10.00", subtotal=Decimal(9)))),
    ):
        assert not {"Net", "Tax"} & facts_of(html_of_report(invoice)).keys()


def test_each_figure_and_table_says_where_the_invoice_does_not_tie(html):
    """They are copied, printed and cut out one by one."""
    differs = body_of(html_of_report(PlainInvoice(credit=Decimal("-57.07"))))
    incomplete = body_of(html_of_report(PlainInvoice(unread=True)))
    said = "✘ differs: the lines do not add up to the invoice, difference -57.07 USD"

    for block in ("<figcaption>", '<div class="ik-table" id="table-', "<caption>"):
        assert all(said in part for part in differs.split(block)[1:])
        assert len(differs.split(block)) > 1
    assert incomplete.count("⚠ incomplete: not everything could be read, difference 0.00") == 11
    assert "do not add up" not in html.split("</header>")[1]


def odd_of(invoice):
    """The section of what is odd, or nothing."""
    _, _, rest = body_of(html_of_report(invoice)).partition('<h2 id="odd">')
    return rest.split("</section>")[0]


def test_what_is_odd_is_told_where_something_is():
    clean = [charge(("c1", "One"), "1"), charge(("c1", "One"), "2")]
    nobody = odd_of(PlainInvoice(lines=frame(*clean, charge((None, None), "3"))))

    assert odd_of(PlainInvoice(lines=frame(*clean))) == ""
    assert ">no customer</td>" in nobody
    assert ">onetime/billing</td>" in nobody
    assert "difference" not in nobody


def test_what_the_difference_may_be_is_told_where_it_differs():
    """Candidates one by one, the lines of each; names in them are no markup."""
    lines = frame(*(charge(("c1", EVIL), f"{amount}.00") for amount in (1, 20, 300)))
    one = odd_of(PlainInvoice(lines=lines, credit=Decimal(-20)))
    none = odd_of(PlainInvoice(lines=lines, credit=Decimal("0.07")))
    several = odd_of(PlainInvoice(lines=frame(*[charge(total="5.00")] * 40), credit=Decimal(-5)))

    assert "<h3>What the difference may be</h3>" in one
    assert "Without this line the lines add up to the invoice" in one
    assert ">20.00</td>" in one
    assert ">300.00</td>" not in one
    assert "&lt;script&gt;" in one
    assert EVIL not in one
    assert "no small set of lines, sums to it" in none
    assert several.count('id="suspects-') == 5
    assert "15 more candidates are in <code>reconcile().suspects</code>" in several


def test_very_many_lines_that_tie_are_not_looked_through_and_that_is_said(monkeypatch):
    """The memory of a report does not grow with the lines."""
    monkeypatch.setattr("invoicekit.show.findings.MOST_SEARCHED", 16)
    ties, differs = PlainInvoice(), PlainInvoice(credit=Decimal("-100.25"))

    assert "More than 16 lines that tie are not looked through" in odd_of(ties)
    assert "no customer" not in odd_of(ties)
    assert ">no customer</td>" in odd_of(differs)
    explorer = Explorer(PlainClient(ties))
    assert "What is odd about it: not looked for" in explorer._findings.value


def test_an_invoice_that_is_incomplete_has_no_suspects():
    assert "What the difference may be" not in html_of_report(PlainInvoice(unread=True))


def test_charges_and_credits_are_gross(html):
    section = body_of(html).split('id="charge-types"')[1].split("</section>")[0]

    assert ">Charges</th>" in section
    assert ">Credits</th>" in section


def test_no_name_is_markup_anywhere(html):
    """Not even an invoice id that wants to be."""
    evil = html_of_report(PlainInvoice(id=f"{EVIL}&\"'"))

    for page in (html, evil):
        body = body_of(page)
        assert EVIL not in body
        assert "<b>Bold" not in body
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body


def test_nothing_invisible_is_in_it(html):
    """An id may come from a file, where anybody can have written it."""
    steering = "\x1b[2J\x9b\x07\u202e\u2066\u200b\ufeff\u2028"
    for page in (html, html_of_report(PlainInvoice(id=f"G1{steering}9"))):
        body = body_of(page).replace("\n", "")
        assert {ascii(letter) for letter in body if category(letter) in INVISIBLE} == set()
    assert "<h1>Invoice G1[2J 9</h1>" in page


def test_only_our_scripts_may_run_and_nothing_may_be_loaded(html):
    """Each script is named by its hash; the data between them is no script."""
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1].replace("&#39;", "'")
    scripts = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)

    assert len(scripts) == 3
    assert f"script-src {allowed};" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe-eval" not in policy
    assert html.index("Content-Security-Policy") < html.index("<style")
    assert not re.findall(r'(?:src|href)="(?!#)', body_of(html))


def test_plotly_is_there_once_and_uploads_nothing(html):
    assert html.count("plotly.js v") == 1
    assert '"showSendToCloud":false' in html
    assert '"plotlyServerURL":""' in html


def test_each_currency_has_its_own_figure():
    html = html_of_report(PlainInvoice(lines=frame(*many(), *many("EUR"))))

    assert [html.count(f'id="figure-customers-{n}"') for n in range(3)] == [1, 1, 0]
    assert "✘ differs" in html


def test_what_changes_from_fetch_to_fetch_stays_out(html):
    ledger = body_of(html).split("<details>")[1]

    assert "onetime/billing" in ledger
    assert "Seconds" not in ledger
    assert "Request id" not in ledger


def test_the_page_can_be_read_by_a_machine_reader(html):
    assert '<html lang="en">' in html
    assert html.count("<h1") == 1
    assert 'scope="col"' in html
    assert "<caption>" in html
    assert html.count('role="img" aria-label=') == 3


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"is a folder: name the file"):
        write_report(PlainInvoice(), tmp_path)
    with pytest.raises(ValueError, match=r"there is no folder .*missing"):
        write_report(PlainInvoice(), tmp_path / "missing" / "report.html")


def test_the_demo_invoice_makes_a_report(demo, tmp_path):
    """Every line of the newest invoice is in it."""
    path = demo.latest.report(tmp_path / "demo.html")
    html = path.read_text("utf-8")

    assert "✔ ties" in html
    assert f"{demo.latest.charges().height:,} billing lines" in html
    assert EVIL not in body_of(html)


@pytest.mark.browser
def test_a_browser_shows_it_from_disk_and_asks_nobody(page, tmp_path):
    """One request, the file itself; no dialog, no error; figures drawn, lines filtered."""
    invoice = PlainInvoice(id=f"G1{EVIL}")
    path = write_report(invoice, tmp_path / "report.html")
    asked, wrong = [], []
    page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text))

    def only_the_file(route):
        asked.append(route.request.url)
        (route.continue_ if route.request.url == path.as_uri() else route.abort)()

    page.route("**/*", only_the_file)

    page.goto(path.as_uri())
    page.wait_for_selector(".js-plotly-plot .main-svg .bars .point")

    assert asked == [path.as_uri()]
    assert page.locator(".js-plotly-plot").count() == 3
    assert EVIL in page.locator("#figure-customers-0 .ytick").all_text_contents()
    assert page.locator('[data-title*="hare"]').count() == 0
    assert page.locator("h1").inner_text() == f"Invoice G1{EVIL}"

    rows, count = page.locator("#lines tbody tr"), page.locator("#lines [data-is=count]")
    assert (rows.count(), count.inner_text()) == (17, "1 to 17 of 17")
    page.fill("#lines [data-is=filter]", "SCRIPT renew")
    assert count.inner_text() == "1 to 1 of 1 found in 17"
    assert rows.first.locator("td").first.inner_text() == EVIL
    page.fill("#lines [data-is=filter]", "")
    page.click("#lines th:nth-child(9) button")
    totals = page.locator("#lines td:nth-child(9)").all_inner_texts()
    assert (totals[0], totals[-1]) == ("100.25", "-33.10")
    assert page.locator("#lines th:nth-child(9)").get_attribute("aria-sort") == "descending"
    assert wrong == []


@pytest.mark.browser
def test_a_browser_draws_what_changed_a_waterfall_a_currency(page, tmp_path):
    before = PlainInvoice(lines=frame(charge(total="3.00"), charge(currency="EUR")))
    after = PlainInvoice(lines=frame(*many()), credit=Decimal(1))
    change = compare(before, after)
    path = write_report(after, tmp_path / "report.html", (f"G0 {EVIL}", change))
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text))
    page.goto(path.as_uri())

    section = page.locator("section[aria-labelledby=changed]")
    assert section.locator("h2").inner_text() == f"What changed since G0 {EVIL}"
    assert section.locator("h3").all_inner_texts() == ["EUR", "USD"]
    assert section.locator(".js-plotly-plot .waterfalllayer").count() == 2
    assert section.locator("li").first.inner_text().startswith("EUR: -10.00")
    assert section.get_by_text("✘ after: differs").count() == 4
    assert page.locator("nav a[href='#changed']").count() == 1
    assert wrong == []


@pytest.mark.browser
def test_bars_are_seen_to_their_ends(page, tmp_path):
    """No empty panel lies over them: both ends of the longest bars have one colour."""
    lines = [charge(total="900"), charge(total="-850", charge_type="renew")]
    path = write_report(PlainInvoice(lines=frame(*lines)), tmp_path / "report.html")
    page.goto(path.as_uri())
    for figure in ("customers", "charge-types"):
        bar = page.locator(f"#figure-{figure}-0 .bars .point path").first
        bar.scroll_into_view_if_needed()
        box = bar.bounding_box()
        spots = [box["x"] + 3, box["x"] + box["width"] - 5]
        y = box["y"] + box["height"] / 2
        clips = [{"x": x, "y": y, "width": 2, "height": 2} for x in spots]
        assert len({page.screenshot(clip=clip) for clip in clips}) == 1


@pytest.mark.browser
def test_a_browser_turns_the_pages_of_the_lines(page, tmp_path):
    path = write_report(PlainInvoice(lines=frame(*many() * 3)), tmp_path / "report.html")
    page.goto(path.as_uri())
    count = page.locator("#lines [data-is=count]")

    assert count.inner_text() == "1 to 25 of 51"
    page.click("#lines [data-is=on]")
    page.click("#lines [data-is=on]")
    assert count.inner_text() == "51 to 51 of 51"
    assert page.locator("#lines [data-is=on]").is_disabled()
    page.select_option("#lines [data-is=size]", "100")
    assert count.inner_text() == "1 to 51 of 51"

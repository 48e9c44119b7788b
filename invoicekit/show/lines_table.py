"""Line items as a paged table that filters and sorts in the page, with no library."""

from __future__ import annotations

from typing import Any, Final

import polars as pl
from markupsafe import Markup

from invoicekit.show.formatting import clean, heading, said_exactly
from invoicekit.show.html_assets import beside, json_in_html

PAGE_SIZES: Final = (25, 50, 100, 250)
MOST_LINES: Final = 25_000  # with these a report stays under 10 MB

# The columns of the charges frame that are worth their width to a reader, in reading order.
LINE_COLUMNS: Final = (
    "customer_name",
    "offer_name",
    "charge_type",
    "charge_start",
    "charge_end",
    "quantity",
    "subtotal",
    "tax",
    "total",
    "currency",
    "unit_price",  # up to 22 decimals: it must not push the total out of sight
    "subscription_name",
    "provider",
    "customer_id",
    "offer_id",
    "subscription_id",
)

LINES_HTML: Final = Markup("""\
<div class="ik-lines" id="{name}" hidden>
<div class="bar">
<label>Filter <input type="search" data-is="filter" placeholder="words in any column"></label>
<label>Rows <select data-is="size">{sizes}</select></label>
<button type="button" data-is="back">Back</button>
<button type="button" data-is="on">Next</button>
<span data-is="count" role="status"></span>
</div>
<div class="scroll" tabindex="0" role="region" aria-label="Line items"><table>
<caption>{caption}</caption>
<thead><tr>{heads}</tr></thead>
<tbody></tbody>
</table></div>
<script type="application/json">{data}</script>
</div>
<noscript><p>The line items need JavaScript to be shown.</p></noscript>
""")


def html_of_lines(
    frame: pl.DataFrame,
    *,
    of: int | None = None,
    limit: int = MOST_LINES,
    name: str = "lines",
    embed: bool = True,
    foot: str = "",
) -> Markup:
    """Line items as a paged table with a filter, its data beside it as JSON.

    There are `of` in all, where the frame has not all of them. Amounts are shown with every decimal
    that they have; `foot` ends the caption. Without `embed` the style and script are left to the
    page around it, which may then name the script by its hash.
    """
    columns = [column for column in LINE_COLUMNS if column in frame.columns] or frame.columns
    shown = frame.head(limit).select(columns)
    data = {"rows": shown.height, "columns": [_column(shown, column) for column in columns]}
    filled = LINES_HTML.format(
        name=name,
        caption=" ".join(
            filter(None, (_caption(frame.height if of is None else of, shown.height), foot))
        ),
        heads=Markup().join(
            Markup('<th scope="col" class="{}"><button type="button">{}</button></th>').format(
                kind_of(frame, column),
                heading(column),
            )
            for column in columns
        ),
        sizes=Markup().join(Markup("<option>{}</option>").format(size) for size in PAGE_SIZES),
        data=json_in_html(data),
    )
    if not embed:
        return filled
    return Markup("<style>{}</style>{}<script>{}</script>").format(
        Markup(beside("lines.css")),  # noqa: S704 - our own file
        filled,
        Markup(beside("lines.js")),  # noqa: S704 - our own file
    )


def _column(frame: pl.DataFrame, name: str) -> dict[str, Any]:
    """A column as its distinct texts in order, and for each row the place of its own.

    The order is the values' own, so that the page sorts exact amounts by comparing places.
    """
    number = frame.schema[name].is_numeric()
    currencies = frame["currency"] if "currency" in frame.columns else [None] * frame.height
    pairs = (
        list(zip(frame[name], currencies, strict=True))
        if number
        else [(value, None) for value in frame[name]]
    )
    distinct = sorted(dict.fromkeys(pairs), key=lambda pair: _order(*pair))
    places = {pair: place for place, pair in enumerate(distinct)}
    return {
        "kind": kind_of(frame, name),
        "words": [said_exactly(value, name, currency) for value, currency in distinct],
        "places": [places[pair] for pair in pairs],
    }


def kind_of(frame: pl.DataFrame, name: str) -> str:
    """The class of the column's cells: numbers stand to the right, ids stay off the paper."""
    if frame.schema[name].is_numeric():
        return "number"
    if frame.schema[name].is_temporal():
        return "day"
    return "id" if name.endswith("_id") else "text"


def _order(value: Any, currency: str | None) -> tuple[bool, Any, str]:  # noqa: ANN401 - cells
    known = value is not None
    return (
        not known,
        (value.casefold() if isinstance(value, str) else value) if known else 0,
        clean(currency),
    )


def _caption(rows: int, shown: int) -> str:
    if shown < rows:
        return (
            f"The first {shown:,} of {rows:,} billing lines, amounts exactly as billed."
            " All of them: `invoicekit lines`."
        )
    return f"{rows:,} billing lines, amounts exactly as billed."

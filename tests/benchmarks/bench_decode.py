"""Decode: pages to typed frames, against parsers that type nothing."""

from __future__ import annotations

import json
import warnings

import orjson
import pandas as pd
from bodies import DAILY_RATED, LICENSE, ONE_TIME, PAIRS, ROWS, Lines
from measure import Plan, Table, interleaved, ratio

from invoicekit.frames.decode import decode
from invoicekit.sources.partner_center.envelope import parse_page

PAGES = 10


def run(plan: Plan) -> list[Table]:
    """A table of the three kinds."""
    pages = 2 if plan.short else PAGES
    table = Table(
        f"Decode ({pages} pages of {ROWS} lines, in memory)",
        [
            "lines",
            "kB a line",
            "lines/s",
            "orjson.loads / ours",
            "with parse_page",
            "json + pandas / ours",
        ],
        "Ours: exact decimals, instants, texts and JSON texts in one polars frame, unknown fields "
        "kept. orjson.loads makes Python objects and floats, json + pandas an untyped frame. "
        "Goal of the first ratio: 0.65.",
    )
    for kind in (ONE_TIME, DAILY_RATED, LICENSE):
        table.add(*_row(kind, list(Lines(kind, pages * ROWS).bodies()), plan))
    return [table]


def _row(kind: str, bodies: list[bytes], plan: Plan) -> list[str]:
    provider, line_item_type = PAIRS[kind]
    said = {"invoice_id": "G000100000", "provider": provider, "line_item_type": line_item_type}
    parsed = [parse_page(body, number=number).page for number, body in enumerate(bodies, 1)]

    def ours() -> int:
        return decode(parsed, **said)[kind].height

    def with_envelope() -> int:
        pages = (parse_page(body, number=number).page for number, body in enumerate(bodies, 1))
        return decode(pages, **said)[kind].height

    def by_orjson() -> int:
        return sum(len(orjson.loads(body)["items"]) for body in bodies)

    def by_pandas() -> int:
        return sum(len(pd.DataFrame(json.loads(body)["items"])) for body in bodies)

    contenders = {
        "ours": ours, "envelope": with_envelope, "orjson": by_orjson, "pandas": by_pandas,
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seconds = interleaved(contenders, 1 if plan.short else max(plan.rounds, 7))
    lines = len(bodies) * ROWS
    return [
        kind,
        f"{sum(map(len, bodies)) / lines / 1000:.2f}",
        f"{lines / sorted(seconds['ours'])[len(seconds['ours']) // 2]:,.0f}",
        ratio(seconds["orjson"], seconds["ours"]),
        ratio(seconds["orjson"], seconds["envelope"]),
        ratio(seconds["pandas"], seconds["ours"]),
    ]

"""What a file is, by its first bytes; and which objectType its rows are of, by their names."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from dataclasses import dataclass

from invoicekit.errors import PageError
from invoicekit.frames.schema import DAILY_RATED, DAILY_USAGE, KINDS, LICENSE, ONE_TIME, USAGE, Kind
from invoicekit.frames.wire_names import NAMES, column_named
from invoicekit.sources.files.finding import AGAIN, FoundFile

CHUNK = 1 << 20
LONGEST = 8 << 20  # bytes of a line
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
OTHERS = {
    codecs.BOM_UTF32_LE: "text in UTF-32",
    codecs.BOM_UTF32_BE: "text in UTF-32",
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "a workbook of Excel",
    b"PAR1": "a Parquet file",
    b"SQLi": "a database",
}
# The kinds that there are files of; without these columns a file is not the one that it seems to
# be: nothing could be added up.
NEEDED = {
    ONE_TIME.object_type: "product_id charge_type subtotal tax_total total_for_customer currency",
    DAILY_RATED.object_type: "product_id usage_date billing_pre_tax_total billing_currency",
    LICENSE.object_type: "subscription_id charge_type subtotal tax total_for_customer currency",
    USAGE.object_type: "resource_guid pretax_charges tax_amount post_tax_total currency",
    DAILY_USAGE.object_type: "resource_guid usage_date metered_service consumed_quantity",
}
MOST = 1000  # columns: today's files have 56
LEAST = 8  # names that are known, of a header; the shortest has 28, of which people delete some
EXPECTED = (
    "expected a reconciliation or daily usage file as the portal gives it (CSV, its first row the "
    "names PartnerId, CustomerId, …), or a blob of an export (gzip, a JSON object a line)"
)


@dataclass(frozen=True, slots=True)
class Look:
    """What the whole of a file says of itself before any of it is understood."""

    encoding: str
    is_json: bool
    digest: bytes
    size: int  # unpacked


def look_at(file: FoundFile) -> Look:
    """Read a file once, to its end: its encoding, its digest, and whether it is JSON.

    What is no UTF-8 is Windows-1252, as spreadsheets write it.

    Raises:
        PageError: it is none of the files that we read; the message says what it is.
    """
    with file.open() as contents:
        chunk = start = contents.read(CHUNK) or b""
        _refuse_others(start[:4096], file.name)
        marked = next((name for bom, name in BOMS.items() if start.startswith(bom)), "")
        encoding = marked or "utf-8"
        decoder = codecs.getincrementaldecoder(encoding)()
        plain, length = True, 0
        while chunk:
            end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
            length = len(chunk) - end - 1 if end >= 0 else length + len(chunk)
            if length > LONGEST:
                raise PageError(f"{file.name} has a line of more than {LONGEST:,} bytes: {AGAIN}")
            if b"\0" in chunk and encoding != "utf-16":
                raise PageError(f"{file.name} has NUL bytes, so it is no text: {EXPECTED}")
            try:
                plain &= decoder.decode(chunk).isascii()
            except UnicodeDecodeError as cause:
                if marked or not plain or not cause.object[: cause.start].isascii():
                    raise _not_text(file.name) from cause
                encoding = "cp1252"
                decoder = codecs.getincrementaldecoder(encoding)()
                plain = False
                _decode_legacy(decoder, chunk, file.name)
            chunk = contents.read(CHUNK) or b""
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as cause:
            raise PageError(f"{file.name} ends within a letter: {AGAIN}") from cause
        is_json = start.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in {b"{", b"["}
        return Look(encoding, is_json, contents.digest, contents.size)


def _decode_legacy(decoder: codecs.IncrementalDecoder, chunk: bytes, name: str) -> None:
    try:
        decoder.decode(chunk)
    except UnicodeDecodeError as cause:
        raise _not_text(name) from cause


def _not_text(name: str) -> PageError:
    return PageError(f"{name} is text in no encoding that we know, or in several: {AGAIN}")


def _refuse_others(start: bytes, name: str) -> None:
    if not start.strip():
        raise PageError(f"{name} is empty: {EXPECTED}")
    for magic, what in OTHERS.items():
        if start.startswith(magic):
            raise PageError(f"{name} is {what}: {EXPECTED}")
    if start.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"<"):
        raise PageError(
            f"{name} is a web page (a sign-in that had run out, perhaps), whatever its name says: "
            f"sign in to the portal, and {AGAIN}"
        )


def kind_of(names: Iterable[str], name: str, *, complete: bool = True) -> Kind:
    """The kind whose rows have these names; `complete` says that there are no more of them.

    Raises:
        PageError: there is none; the message says what was found and what was expected.
    """
    names = list(names)
    if len(names) > MOST:
        raise PageError(f"{name} has more than {MOST:,} columns: {EXPECTED}")
    kinds = [kind for kind in KINDS if kind.object_type in NEEDED]
    known = {kind.object_type: known_columns(kind, names) for kind in kinds}
    likely = sorted(kinds, key=lambda kind: _fit(kind, known[kind.object_type]), reverse=True)
    kind = likely[0]
    found = known[kind.object_type]
    if len(found) < LEAST:
        raise PageError(
            f"{name} is no billing file that we know: {len(found)} of the {len(names):,} cells in "
            f"its first row are names of columns; {EXPECTED}"
        )
    missing = [column for column in NEEDED[kind.object_type].split() if column not in found]
    if complete and missing:
        raise PageError(
            f"{name} looks like {kind.object_type}, {len(found)} columns of it, but has no "
            f"{', no '.join(_as_in_files(kind, column) for column in missing)}: without that "
            f"nothing can be added up. {AGAIN.capitalize()}, with all columns"
        )
    return kind


def known_columns(kind: Kind, names: Iterable[str]) -> set[str]:
    """The documented columns among these names."""
    return {column.name for one in names if (column := column_named(kind, one))}


def _fit(kind: Kind, known: set[str]) -> tuple[int, int]:
    """How much of what is needed is there; then how many columns are."""
    needed = NEEDED[kind.object_type].split()
    return len(known.intersection(needed)) * 100 // len(needed), len(known)


def _as_in_files(kind: Kind, column: str) -> str:
    wire = next(one.wire for one in kind.columns if one.name == column)
    today = NAMES["files"].get(kind.object_type, {}).get(column, wire[:1].upper() + wire[1:])
    return today.split()[0]

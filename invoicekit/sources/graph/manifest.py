"""The manifest of an export: which blobs it has, of which version, and the way to them.

The way to the blobs (their folder's address and the SAS token) is a secret with a short life: it is
in memory alone. What is kept on disk is the list: version, names, and the operation to ask again.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote, urlsplit

from invoicekit.errors import PageError
from invoicekit.secret import Secret, scrubbing
from invoicekit.setting_values import are_two_tenants
from invoicekit.sources.graph.operation import object_in

# What a name from the service may be: one segment of a path, sent and shown as it is.
BLOB_NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9._=~-]{0,254}")
ETAG = re.compile(r"[\x21-\x7e]{1,200}")
QUERY = re.compile(r"[A-Za-z0-9%&=._~:/+,;@!$'()*-]+")
FOLDER = re.compile(r"(/[A-Za-z0-9._~=%@:,+-]+)+")
OPERATION = re.compile(r"(/[A-Za-z0-9._~=()'-]+)+")  # the path of an operation that may be kept
MOST_BLOBS = 100_000


@dataclass(frozen=True, slots=True)
class Blobs:
    """What an export consists of; as long as the eTag is the same, its rows are."""

    etag: str
    names: tuple[str, ...]

    def record(self) -> bytes:
        """The same, to be kept on disk."""
        return json.dumps({"eTag": self.etag, "blobs": self.names}).encode()


@dataclass(frozen=True, slots=True)
class Access:
    """The way to the blobs, for as long as it lasts."""

    folder: Secret  # an address, without a slash at its end
    sas: Secret
    until: datetime | None  # where the SAS does not say, nobody knows

    def url(self, name: str) -> Secret:
        """The address of a blob, with its SAS."""
        return Secret(f"{self.folder.reveal()}/{name}?{self.sas.reveal()}")

    def ends_within(self, seconds: float) -> bool:
        """Whether it will be over that soon, by the clock of this machine."""
        if self.until is None:
            return False
        return (self.until - datetime.now(UTC)).total_seconds() < seconds


def parse_manifest(manifest: Secret, name: str, tenant: str = "") -> tuple[Blobs, Access]:
    """What the manifest (its JSON) of the collection `name` lists, and the way there.

    `tenant` is the partner's, where it is known.

    Whether its host may be asked is known where files are downloaded.

    Raises:
        PageError: it lists no blobs, one twice, more or fewer than it says, or no way to them; or
            it is another partner's.
    """
    return scrubbing(lambda: _parsed(manifest, f"the manifest of {name}", tenant))


def read_record(record: bytes | None) -> Blobs | None:
    """The list that `Blobs.record` gave; `None` where it is none."""
    try:
        found = json.loads(record or b"")
        blobs = Blobs(found["eTag"], tuple(found["blobs"]))
        good = ETAG.fullmatch(blobs.etag) and all(map(BLOB_NAME.fullmatch, blobs.names))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return blobs if good and blobs.names else None


def _parsed(manifest: Secret, where: str, tenant: str) -> tuple[Blobs, Access]:
    found = object_in(manifest.reveal().encode(), where)
    if are_two_tenants(str(found.get("partnerTenantId") or ""), tenant):
        raise PageError(
            f"{where} is of another partner than who signs in, so none of its blobs is asked. Look "
            "at whose tokens these are; nothing was kept"
        )
    etag = found.get("eTag")
    if not isinstance(etag, str) or not ETAG.fullmatch(etag):
        raise PageError(f"{where} names no version (eTag), so its blobs cannot be told apart")
    names = _names(found.get("blobs"), where)
    count = found.get("blobCount")
    if type(count) is not int:
        raise PageError(
            f"{where} does not say how many blobs there are (blobCount), so nobody knows whether "
            "it is whole. Ask again later; nothing was kept"
        )
    if count != len(names):
        raise PageError(
            f"{where} lists {len(names)} blobs, and its blobCount is {count}: it is not whole. Ask "
            "again later; nothing was kept"
        )
    folder = found.get("rootDirectory")
    folder = folder.removesuffix("/") if isinstance(folder, str) else ""
    if not _is_folder(folder):
        raise PageError(f"{where} names no folder that its blobs could be in, so none is asked")
    sas = found.get("sasToken")
    sas = sas.removeprefix("?") if isinstance(sas, str) else ""
    if not QUERY.fullmatch(sas):
        raise PageError(f"{where} has no SAS token that can be sent, so its blobs cannot be read")
    return Blobs(etag, names), Access(Secret(folder), Secret(sas), _end_of(sas))


def _names(blobs: object, where: str) -> tuple[str, ...]:
    if not isinstance(blobs, list) or not blobs:
        raise PageError(
            f"{where} lists no blobs; an export without data fails with code 5000 instead, so it "
            "is not taken for an empty one. Ask again later; nothing was kept"
        )
    if len(blobs) > MOST_BLOBS:
        raise PageError(f"{where} lists more than {MOST_BLOBS:,} blobs, which is no export")
    names: list[str] = []
    for number, blob in enumerate(blobs, 1):
        name = blob.get("name") if isinstance(blob, dict) else None
        if not isinstance(name, str) or not BLOB_NAME.fullmatch(name):
            raise PageError(
                f"{where}: blob {number} has a name that would lead elsewhere, so it is not asked"
            )
        names.append(name)
    if len(set(names)) < len(names):
        raise PageError(
            f"{where} lists a blob twice: one of the two is another's, or its rows would count "
            "twice. Ask again later; nothing was kept"
        )
    return tuple(names)


def _is_folder(address: str) -> bool:
    """Whether it is a plain address: nothing that leads up, no user, query or fragment."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    plain = f"{parts.scheme}://{parts.netloc}{parts.path}" == address and "@" not in parts.netloc
    steps = unquote(parts.path).replace("\\", "/").split("/")
    return plain and FOLDER.fullmatch(parts.path) is not None and not {".", ".."} & set(steps)


def _end_of(sas: str) -> datetime | None:
    """When a SAS token ends: its `se`, an instant or a day of UTC.

    >>> _end_of("sv=2021-08-06&se=2026-11-26T15%3A00%3A00Z&sp=rl")
    datetime.datetime(2026, 11, 26, 15, 0, tzinfo=datetime.timezone.utc)
    >>> _end_of("se=soon"), _end_of("sv=1")
    (None, None)
    """
    try:
        end = datetime.fromisoformat(parse_qs(sas)["se"][0])
        return end.replace(tzinfo=UTC) if end.tzinfo is None else end.astimezone(UTC)
    except (KeyError, ValueError, OverflowError):  # a moment before the year 1, or after 9999
        return None

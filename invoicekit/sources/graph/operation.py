"""What Graph says of an export: running, ready, or failed.

Facts: Graph's pages on `runningOperation`, `exportSuccessOperation` and `failedOperation`, and
captures of production, which differ from them in the words for success and in where the manifest
stands.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

import msgspec

from invoicekit.errors import PageError
from invoicekit.pages import BOM
from invoicekit.secret import NO_SECRET, Secret

RUNNING, READY, FAILED = "running", "ready", "failed"
# By the word of `status`, whatever its case. A word that is not here counts as running.
STATES = {"succeeded": READY, "completed": READY, "failed": FAILED}
# By the end of `@odata.type`, where there is no status.
TYPES = {"exportsuccessoperation": READY, "failedoperation": FAILED, "runningoperation": RUNNING}
NO_DATA = "5000"  # the code of a failed export for which there is no data, yet or ever
WORD = re.compile(r"[\w .:-]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Operation:
    """An export as it stands."""

    state: str  # RUNNING, READY or FAILED
    status: str  # the service's own word, for people
    manifest: Secret = NO_SECRET  # its JSON, where it is inline: it holds a SAS
    link: Secret = NO_SECRET  # where it lies else
    # As they came, so they may repeat a secret.
    code: str = field(default="", repr=False)
    message: str = field(default="", repr=False)


def parse_operation(body: bytes, name: str) -> Operation:
    """The operation in `body`, which may hold a SAS: call it where frames are dropped.

    Raises:
        PageError: it is no operation; or it says success and nothing of a manifest.
    """
    found = object_in(body, f"the operation of {name}")
    said = found.get("status")
    kind = str(found.get("@odata.type") or "").rpartition(".")[2].lower()
    if isinstance(said, str) and said:
        state = STATES.get(said.lower(), RUNNING)
    elif kind in TYPES:
        said, state = kind, TYPES[kind]
    else:
        raise PageError(f"the operation of {name} says no status. Ask again later")
    status = said if WORD.fullmatch(said) else "unknown"
    if state == FAILED:
        error = found.get("error")
        error = error if isinstance(error, dict) else {}
        code, message = (_text(error.get(word)) for word in ("code", "message"))
        return Operation(state, status, code=code, message=message)
    if state == RUNNING:
        return Operation(state, status)
    inline = found.get("resourceLocation")
    if isinstance(inline, dict):
        return Operation(state, status, manifest=Secret(json.dumps(inline)))
    link = inline or found.get("resourceLocation@odata.navigationLink")
    if not isinstance(link, str) or not link:
        raise PageError(f"the export of {name} is ready and names no manifest. Ask again later")
    return Operation(state, status, link=Secret(link))


def object_in(body: bytes, what: str) -> dict[str, Any]:
    """The JSON object that a body is.

    Raises:
        PageError: it is none.
    """
    try:
        return msgspec.json.decode(body.removeprefix(BOM), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise PageError(f"{what} is no JSON object, or cut short. Ask again later") from None


def _text(value: object) -> str:
    text = str(value) if isinstance(value, str | int) else ""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text).strip()

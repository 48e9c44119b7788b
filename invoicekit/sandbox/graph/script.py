"""What Graph does with an export, as data: the states it goes through, and what goes wrong.

`FAULTS` are the ways that a client has to survive; to try another, add a row.
"""

from __future__ import annotations

from dataclasses import dataclass

ELSEWHERE = "http://127.0.0.1:9"  # the port where everything is discarded
HTML = b"<!DOCTYPE html><html><body>Sign in to the network first.</body></html>"


@dataclass(frozen=True)
class Fault:
    """What is answered instead of the truth, at one of the places that a client asks.

    `place` is `submit`, `operation`, `manifest` or `blob`. The first `after` requests there get
    the truth, the `times` that follow get the fault, later ones the truth again.
    """

    place: str
    status: int = 0  # 0: the true answer, spoilt by what follows
    code: str = ""  # of the error's body
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    content_type: str = ""
    cut: int | None = None  # bytes after which the connection is closed,
    stall: float = 0.0  # so many seconds later
    after: int = 0
    times: int = 1


ALWAYS = 1 << 30  # as `times`


@dataclass(frozen=True)
class Script:
    """How an export goes. Tuples are taken one by one; their last element stays."""

    states: tuple[str, ...] = ("running", "succeeded")
    """One a poll, in any case; `failed` ends with `error`, whatever is unknown goes on."""
    retry_after: str = "1"
    """Seconds, beside a state that is not the last; empty: no such header."""
    manifest: str = "inline"
    """Where the manifest is: `inline`, `link` (a string), `navigation`, or `nowhere`."""
    error: tuple[str, str] = ("5000", "No data available")
    sas_seconds: tuple[float, ...] = (3600.0,)
    """How long each SAS is good for, by signing; a manifest is signed anew when it is asked."""
    sas_requests: tuple[int, ...] = (ALWAYS,)
    """How many requests each SAS is good for."""
    content_encoding: bool = False
    """Whether blobs bear `Content-Encoding: gzip`."""
    blob_count: int = 0
    """By how much the manifest's `blobCount` is more than there is."""
    blobs: int = 0
    """By how many blobs the manifest names more than there are."""
    versions: tuple[str, ...] = ("",)
    """What the eTag ends with, by signing: another ending is another version of the data."""
    elsewhere: str = ""
    """What is said to be on another host: the `operation`, the `manifest`, or the `blobs`."""
    omit: tuple[str, ...] = ()
    """What the manifest leaves out."""
    spoilt: str = ""
    """What is wrong with the last blob: a key of `SPOILT_BYTES`."""
    faults: tuple[Fault, ...] = ()


def _times(place: str, status: int, code: str = "", times: int = 1, **headers: str) -> Script:
    named = tuple((name.replace("_", "-"), text) for name, text in headers.items())
    return Script(faults=(Fault(place, status, code, named, times=times),))


FAULTS: dict[str, Script] = {
    # States of the operation.
    "not started": Script(("notStarted", "running", "succeeded")),
    "lower case": Script(("notstarted", "running", "completed")),
    "completed": Script(("running", "Completed")),
    "pascal case": Script(("NotStarted", "Running", "Succeeded")),
    "unknown state": Script(("delayed", "succeeded")),
    "no retry-after": Script(retry_after=""),
    "at once": Script(("succeeded",)),
    "never done": Script(("running",)),
    "failed": Script(("running", "failed"), error=("InternalError", "The export failed.")),
    "no data": Script(("running", "failed")),
    # Where the manifest is.
    "manifest by link": Script(manifest="link"),
    "manifest by navigation link": Script(manifest="navigation"),
    "no manifest": Script(manifest="nowhere"),
    # Each place answered otherwise.
    "submit throttled": _times("submit", 429, "TooManyRequests", Retry_After="1"),
    "submit unavailable": _times("submit", 503, "ServiceUnavailable"),
    "submit forbidden": _times("submit", 403, "Authorization_RequestDenied", times=ALWAYS),
    "submit unauthorized": _times("submit", 401, "InvalidAuthenticationToken"),
    "operation gone": _times("operation", 410, "ResourceGone"),
    "operation always gone": _times("operation", 410, "ResourceGone", times=ALWAYS),
    "operation throttled": _times("operation", 429, "TooManyRequests", Retry_After="1"),
    "operation unavailable": _times("operation", 500, "InternalServerError"),
    "operation redirected": _times("operation", 302, Location=f"{ELSEWHERE}/"),
    "operation in HTML": Script(
        faults=(Fault("operation", 200, body=HTML, content_type="text/html", times=ALWAYS),)
    ),
    "manifest gone": Script(
        manifest="navigation", faults=(Fault("manifest", 410, "ResourceGone"),)
    ),
    "manifest throttled": Script(
        manifest="navigation",
        faults=(Fault("manifest", 429, "TooManyRequests", (("Retry-After", "1"),)),),
    ),
    "blob throttled": _times("blob", 503, "ServerBusy", Retry_After="1"),
    "blob unavailable": _times("blob", 500, "InternalError"),
    "blob not found": _times("blob", 404, "BlobNotFound", times=ALWAYS),
    "blob redirected": _times("blob", 307, times=ALWAYS, Location=f"{ELSEWHERE}/"),
    "blob in HTML": Script(
        faults=(Fault("blob", 200, body=HTML, content_type="text/html", times=ALWAYS),)
    ),
    "download cut": Script(faults=(Fault("blob", cut=100),)),
    "download always cut": Script(faults=(Fault("blob", cut=100, times=ALWAYS),)),
    "download stalled": Script(faults=(Fault("blob", cut=100, stall=30.0),)),
    # The SAS.
    "SAS run out": Script(sas_seconds=(-60.0, 3600.0)),
    "SAS run out in the download": Script(sas_requests=(1, ALWAYS)),
    "SAS always run out": Script(sas_seconds=(-60.0,)),
    "SAS nearly run out": Script(sas_seconds=(30.0, 3600.0)),
    "another version when it is signed anew": Script(sas_requests=(1, ALWAYS), versions=("", "b")),
    # Where things are said to be.
    "operation elsewhere": Script(elsewhere="operation"),
    "no operation": Script(elsewhere="nowhere"),
    "manifest elsewhere": Script(manifest="navigation", elsewhere="manifest"),
    "blobs elsewhere": Script(elsewhere="blobs"),
    # What the manifest names.
    "a blob missing": Script(blobs=-1),
    "a blob too many": Script(blobs=1),
    "blobCount too small": Script(blob_count=-1),
    "blobCount too large": Script(blob_count=1),
    "no blobs": Script(blobs=-ALWAYS, blob_count=-ALWAYS),
    "no list of blobs": Script(omit=("blobs",)),
    "no eTag": Script(omit=("eTag",)),
    "no SAS": Script(omit=("sasToken",)),
    # What the blobs hold.
    "content encoding": Script(content_encoding=True),
    "gzip cut": Script(spoilt="cut"),
    "gzip flipped": Script(spoilt="flipped"),
    "not JSON": Script(spoilt="not JSON"),
    "line without its end": Script(spoilt="no end"),
    "empty blob": Script(spoilt="empty"),
    "not packed": Script(spoilt="plain"),
}

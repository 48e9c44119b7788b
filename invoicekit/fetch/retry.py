"""The retry policy: how often a request is tried again, and the waits between."""

from __future__ import annotations

import logging
import random
import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from invoicekit.fetch.progress import above_progress, waits
from invoicekit.visible import visible

LOG = logging.getLogger(__name__)
AGAIN = frozenset({408, 429, *range(500, 600)})
TURN = 0.2  # seconds
TOLD_FROM = 3.0  # seconds: a longer wait is said, with its reason


def is_retryable(status: int | None) -> bool:
    """Whether it helps to ask again: there was no answer (`None`), or one that says so."""
    return status is None or status in AGAIN


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a request is retried, and the waits between.

    A wait is what the service asks for (`Retry-After`), else `first` seconds, doubled with each
    try and jittered. Microsoft's own client retries three times, after 0.5, 1.5 and 3.5 seconds,
    and gives up on 429 at once, which its users complain of.

    In tests, make the waits short rather than the service reliable:

    >>> with ik.demo() as fresh:
    ...     fresh.retry_policy = ik.RetryPolicy(first=0.01)

    Args:
        tries: how often one page is asked for at most, the first time included.
        first: seconds before the second try, where the service does not say.
        budget: seconds of waiting for one page altogether.
    """

    tries: int = 5
    first: float = 0.5
    budget: float = 300.0

    def __post_init__(self) -> None:
        """Refuse what would fail in the middle of a wait."""
        for name in ("tries", "first", "budget"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not value >= 0:
                raise ValueError(f"{name} is a number, 0 or more: {value!r}")

    def wait(self, tried: int, retry_after: str | None) -> float:
        """Seconds to wait before the next try.

        What the service says comes before our own doubling, jittered wait.

        >>> ik.RetryPolicy().wait(1, "57"), 1.0 < ik.RetryPolicy(first=1.0).wait(2, None) < 3.0
        (57.0, True)

        Args:
            tried: how often the page was asked for so far.
            retry_after: the header of that name, in seconds or as a date; `None` if it is absent.
        """
        seconds = seconds_in(retry_after)
        if seconds is None:
            seconds = self.first * 2 ** (tried - 1) * random.uniform(0.5, 1.5)  # noqa: S311
        return seconds

    def end(self, tried: int, waited: float, more: float) -> str | None:
        """Why there is no further try, or `None` where there is one after `more` seconds.

        >>> ik.RetryPolicy(tries=3).end(3, waited=2.5, more=4.0)
        'Given up after 3 tries'

        Args:
            tried: how often the page was asked for so far.
            waited: seconds of waiting so far.
            more: seconds that the next wait would take.
        """
        if tried >= self.tries:
            return f"Given up after {tried} tries"
        if waited + more > self.budget:
            return (
                f"Given up: {waited + more:.0f} s of waiting is more than the {self.budget:g} s "
                "that a page is worth"
            )
        return None


def seconds_in(retry_after: str | None) -> float | None:
    """The seconds that a `Retry-After` header says, in either of its forms.

    >>> seconds_in("57"), seconds_in("Wed, 21 Oct 2015 07:28:00 GMT"), seconds_in("soon")
    (57.0, 0.0, None)
    >>> seconds_in("Wed, 21 Oct 2015 07:28:00 +9999"), seconds_in("-5")
    (None, None)
    """
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return max(0.0, (when - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError, OverflowError, IndexError):  # a zone of 99 hours, the year 9999
        return None


def rest(seconds: float, why: str, closed: threading.Event, *, tell: bool = True) -> None:
    """Wait, unless the client is closed; the reason is told where it takes some seconds."""
    LOG.info("wait of %.1f s: %s", seconds, visible(why))
    if tell and seconds >= TOLD_FROM:
        line = visible(f"invoicekit: {why}; waiting {seconds:.0f} s")
        with above_progress():
            print(line, file=sys.stderr)  # noqa: T201
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:  # in turns: on Windows a wait does not hear Ctrl-C
        waits(why)
        if closed.wait(min(left, TURN)):
            return

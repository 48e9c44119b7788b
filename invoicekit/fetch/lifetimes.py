"""How long what is on disk holds, and after how long what nobody needs may go: all of it.

Of the service: invoices are corrected by further documents, not in place, once they are two weeks
old; the rest is judgement. In seconds, but for `CLOSED_AFTER`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR

# Answers and lines.
FOR_EVER: Final = None  # the lines of a closed invoice
NOT_AT_ALL: Final = 0.0  # what is not billed yet
CLOSED_AFTER: Final = timedelta(days=15)  # from an invoice's date on
LIST: Final = HOUR  # the list of invoices, and an invoice's header
OPEN: Final = HOUR  # the lines of an invoice that may still change
EMPTY: Final = HOUR  # a collection without a row: it may have some tomorrow

# Leftovers.
INTERRUPTED: Final = 7 * DAY  # a pull that nobody resumes
IDLE: Final = HOUR  # what nobody has written to: no process is at work on it
SUPERSEDED: Final = HOUR  # lines that a lazy frame may still be reading
UNCOMMITTED: Final = DAY  # lines whose writer has not committed
MOVING: Final = HOUR  # a folder on its way in or out of other engines' sight

"""Pulls the export of invoice G1 in a process of its own, to be killed by the tests.

`export_puller.py GRAPH_URL CACHE [PAGES]` prints each page's number as it comes, and hangs after so
many pages where that is said. `tests` has to be importable.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from invoicekit.fetch.pull import pull
from invoicekit.sources.graph.source import pages
from support.exports import client_of, collection


def main(url: str, cache: str, hang_after: str = "") -> None:
    def build(found):
        for page in found:
            print(page.number, flush=True)
            if str(page.number) == hang_after:
                time.sleep(60)

    with client_of(url, Path(cache)) as client:
        pull(client._session, collection(client), pages, build)
    print("end", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Reads invoice G1 in a process of its own; run by the tests.

`puller.py URL CACHE [MOST_BYTES]` reads it once, and prints the result as a line of JSON.
`puller.py URL` forks one reader for each cache folder named on standard input: quicker than to
start Python anew for each. It prints `pid …`, the result (if the reader lives to tell) and, once
it is told to wait for it, `end`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import warnings

import invoicekit as ik


def read(url: str, cache: str) -> str:
    """The invoice G1 as read through `cache`."""
    with (
        ik.connect(
            token="s3cret-token-of-the-tests",
            base_url=url,
            cache_dir=cache,
            tenant_id="t",
            client_id="one-app",
        ) as client,
        warnings.catch_warnings(record=True) as told,
    ):
        warnings.simplefilter("always")
        client.retry_policy = ik.RetryPolicy(first=0.01)
        found = client.invoice("G1")
        charges = found.charges()
        return json.dumps(
            {
                "totals": {
                    kind: [str(value) for value in lines["total"].to_list()]
                    for (kind,), lines in charges.group_by("provider", maintain_order=True)
                },
                "ties": found.reconcile().ties,
                "told": [str(one.message) for one in told],
            }
        )


def main(url: str, cache: str = "", most_bytes: str = "") -> None:
    if most_bytes:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (int(most_bytes), int(most_bytes)))
    if cache:
        print(read(url, cache))
        return
    for name in ("client", "fetch.session", "frames.decode", "invoice"):  # once for all readers
        importlib.import_module(f"invoicekit.{name}")
    importlib.import_module("tqdm.auto")
    # Polars keeps threads, of which Python 3.12 and later warn; none of them has work to do yet.
    warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)
    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            print(read(url, line.strip()), flush=True)
            os._exit(0)
        print(f"pid {pid}", flush=True)
        sys.stdin.readline()  # until then the number stays that of this reader
        os.waitpid(pid, 0)
        print("end", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

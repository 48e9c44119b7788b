"""An export of any size in a process of its own, over HTTP; it ends with its parent.

Only one round of its lines is in the service's memory, whatever the size.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from invoicekit.sandbox.server import Sandbox
from invoicekit.sandbox.volume import Volume


def main() -> None:
    """Serve an invoice of so many lines in so many blobs, until standard input closes."""
    lines, blobs = map(int, sys.argv[1:])
    volume = Volume(lines, blobs)
    with Sandbox(volume, exports=volume) as sandbox:
        told = {"settings": sandbox.settings, "invoice_id": volume.invoice_id}
        print(json.dumps({**told, "total": str(volume.total)}), flush=True)
        sys.stdin.read()


@contextmanager
def serving_export(lines: int, blobs: int) -> Iterator[dict[str, object]]:
    """What `connect()` takes (`settings`), the `invoice_id` and its `total`."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__)), str(lines), str(blobs)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


if __name__ == "__main__":
    main()

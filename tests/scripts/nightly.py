"""Brings in what is new since a month, and logs it: nightly.py 2026-01 sync.log."""

import logging
import sys

import invoicekit as ik

since, log = sys.argv[1:]
logging.basicConfig(filename=log, level="INFO", format="%(name)s %(levelname)s %(message)s")
with ik.connect(progress=False) as client:
    synced = client.sync(since=since, tell=logging.getLogger("nightly").info)
print(synced["state"].value_counts(sort=True).rows())

"""A CSV for each customer of a month: csv_per_customer.py 2026-10 FOLDER."""

import sys
from pathlib import Path

import invoicekit as ik

month, folder = sys.argv[1:]
with ik.connect() as client:
    client.sync(since=month)
    totals = client.totals("month", "customer", "offer", since=month)
for (of, customer), lines in totals.partition_by("month", "customer_id", as_dict=True).items():
    if of == month:
        lines.write_csv(Path(folder, f"{customer or 'no-customer'}.csv"))

"""Totals of all months by customer, with what a CRM export says: with_crm.py CRM.csv OUT.csv."""

import sys

import polars as pl

import invoicekit as ik

crm, out = sys.argv[1:]
with ik.connect() as client:
    client.sync()
    totals = client.totals("month", "customer")
totals.join(pl.read_csv(crm), on="customer_id", how="left").write_csv(out)

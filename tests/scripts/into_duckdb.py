"""All charges as a table of a DuckDB file: into_duckdb.py FILE."""

import sys

import duckdb

import invoicekit as ik

with ik.connect() as client, duckdb.connect(sys.argv[1]) as database:
    client.sync()
    database.register("found", client.charges().collect())
    database.execute("create or replace table charges as from found")

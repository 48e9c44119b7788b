"""The store is read by other engines as it lies: decimals and instants unchanged.

Each runs in a process of its own, by a Python that has it: CI names them in the environment
(INVOICEKIT_DUCKDB_PYTHON, INVOICEKIT_SPARK_PYTHON); elsewhere the tests are skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest

DUCKDB = """
import duckdb, json, sys
files = sys.argv[1] + "/object_type=OneTimeInvoiceLineItem/*/*.parquet"
found = duckdb.sql(
    "select cast(sum(total_for_customer) as varchar), typeof(any_value(unit_price)), "
    "cast(min(epoch_us(order_date)) as varchar), typeof(any_value(order_date)) "
    f"from read_parquet('{files}', hive_partitioning = true) where invoice_id = 'G012345612'"
).fetchall()
print(json.dumps(found[0]))
"""
SPARK = """
import json, sys
from pyspark.sql import SparkSession
from pyspark.sql.functions import min, sum, unix_micros
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
lines = spark.read.parquet(sys.argv[1] + "/object_type=OneTimeInvoiceLineItem")
types = {field.name: field.dataType.simpleString() for field in lines.schema.fields}
mine = lines.where("invoice_id = 'G012345612'")
total, first = mine.select(sum("total_for_customer"), min(unix_micros("order_date"))).first()
print(json.dumps([str(total), types["unit_price"], str(first), types["order_date"]]))
"""


@pytest.fixture(scope="module")
def lines(demo) -> Path:
    demo.sync(since="2026-10", tell=lambda _: None)
    (root,) = Path(demo.settings.cache_dir).glob("*/lines")
    return root


@pytest.mark.parametrize(
    ("variable", "code", "types"),
    [
        ("INVOICEKIT_DUCKDB_PYTHON", DUCKDB, ("DECIMAL(38,24)", "TIMESTAMP WITH TIME ZONE")),
        ("INVOICEKIT_SPARK_PYTHON", SPARK, ("decimal(38,24)", "timestamp")),
    ],
)
def test_an_engine_finds_the_same(demo, lines, variable, code, types):
    python = os.environ.get(variable)
    if not python:
        pytest.skip(f"{variable} names no Python that has the engine")
    done = subprocess.run(
        [python, "-c", code, str(lines)], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    total, price, first, instant = json.loads(done.stdout.splitlines()[-1])
    frame = demo.latest.line_items()["OneTimeInvoiceLineItem"]
    assert Decimal(total) == demo.latest.total
    assert int(first) == frame["order_date"].dt.epoch("us").min()
    assert (price, instant) == types

"""What is measured in a fresh process: `python jobs.py NAME JSON`. The last line says how it went.

`seconds` counts from the first line of this file, imports included, unless the job says otherwise;
`peak` is the process's most memory ever, in MB.
"""

from __future__ import annotations

import time

START = time.perf_counter()

import json  # noqa: E402
import sys  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from pathlib import Path  # noqa: E402

ONE_TIME = "OneTimeInvoiceLineItem"
INVOICE = "G000100000"
PATH = f"invoices/{INVOICE}/lineitems/OneTime/BillingLineItems"
TOKEN = "eyJ" + "not-a-credential." * 70  # as long as the real ones
# Of an export: numbers, some of which come as texts. Parquet takes no such column.
MIXED = ["UnitPrice", "Quantity", "Subtotal", "TaxTotal", "Total", "EffectiveUnitPrice",
         "BillableQuantity", "PCToBCExchangeRate"]  # fmt: skip
AMOUNTS = ["subtotal", "tax_total", "total_for_customer"]


def peak() -> float:
    """The most memory that this process ever had, in MB (10**6 bytes)."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
    except (OSError, IndexError, ValueError):  # not Linux
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


# Ours


@contextmanager
def client_of(url, folder, *, cached=True, **given):
    """A client; without the HTTP cache its requests-cache session passes everything through.

    A pull then finds none of its pages on disk and keeps no commit, as on a full disk.
    """
    import invoicekit as ik

    given = {"token": TOKEN, "tenant_id": "bench", "base_url": url, "cache_dir": folder, **given}
    with ik.connect(**given) as client:
        client._session._http.settings.disabled = not cached
        yield client


def sync(url, folder, *, cached):
    """All lines into the store."""
    with client_of(url, folder, cached=cached) as client:
        found = client.sync(tell=lambda _: None)
    assert set(found["state"]) == {"ties"}, found
    return {"lines": found["lines"].sum()}


def sync_export(settings, invoice, folder):
    """An export's lines into the store."""
    import invoicekit as ik

    with ik.connect(**settings, tenant_id="bench", cache_dir=folder, cache_gb=20) as client:
        found = client.sync(tell=lambda _: None)
    assert found.select("invoice_id", "state", "source").rows() == [(invoice, "ties", "graph")]
    return {"lines": found["lines"].sum()}


def opened(url, folder):
    """An invoice's lines, as frames."""
    with client_of(url, folder) as client:
        start = time.perf_counter()
        height = client.invoice(INVOICE).line_items()[ONE_TIME].height
        return {"seconds": time.perf_counter() - start, "lines": height}


def reconciled(url, folder):
    """An invoice's proof."""
    with client_of(url, folder) as client:
        start = time.perf_counter()
        assert client.invoice(INVOICE).reconcile().ties
        return {"seconds": time.perf_counter() - start}


def totalled(url, folder):
    """An invoice's totals."""
    with client_of(url, folder) as client:
        start = time.perf_counter()
        rows = client.invoice(INVOICE).totals("customer", "offer").height
        return {"seconds": time.perf_counter() - start, "rows": rows}


def reported(url, folder, path):
    """An invoice's report."""
    with client_of(url, folder) as client:
        start = time.perf_counter()
        file = client.invoice(INVOICE).report(path)
        return {"seconds": time.perf_counter() - start, "size": file.stat().st_size / 1e6}


def written_as_workbook(url, folder, path):
    """An invoice's Excel file."""
    import xlsxwriter  # noqa: F401 (what `workbook` imports when it is first asked)

    with client_of(url, folder) as client:
        start = time.perf_counter()
        file = client.invoice(INVOICE).workbook(path)
        return {"seconds": time.perf_counter() - start, "size": file.stat().st_size / 1e6}


# Others, from HTTP to Parquet


def naive(url, folder):
    """What a person writes in ten minutes."""
    import pandas as pd
    import requests

    session, rows = requests.Session(), []
    session.headers["Authorization"] = f"Bearer {TOKEN}"
    uri, headers = f"/{PATH}?size=2000", {}
    while uri:
        page = session.get(f"{url}/v1{uri}", headers=headers, timeout=60).json()
        rows.extend(page["items"])
        link = page["links"].get("next") or {}
        uri = link.get("uri")
        headers = {header["key"]: header["value"] for header in link.get("headers", [])}
    frame = pd.DataFrame(rows)
    for mixed in (
        "mpnId",
        "resellerMpnId",
        "alternateId",
    ):  # numbers and texts: Parquet takes no such column
        frame[mixed] = frame[mixed].astype("string")
    frame.to_parquet(Path(folder) / "lines.parquet")
    return {"lines": len(frame)}


def naive_export(settings, invoice, folder):
    """The same for Graph: submit, poll, and loop over the blobs."""
    import gzip

    import pandas as pd
    import requests

    graph = requests.Session()
    graph.headers["Authorization"] = f"Bearer {settings['graph_token']}"
    path = "/v1.0/reports/partners/billing/reconciliation/billed/export"
    begun = graph.post(settings["graph_url"] + path, json={"invoiceId": invoice}, timeout=60)
    while True:
        said = graph.get(begun.headers["Location"], timeout=60)
        if said.json()["status"] == "succeeded":
            break
        time.sleep(int(said.headers["Retry-After"]))
    manifest, rows = said.json()["resourceLocation"], []
    for blob in manifest["blobs"]:
        url = f"{manifest['rootDirectory']}/{blob['name']}?{manifest['sasToken']}"
        packed = requests.get(url, timeout=600).content
        rows.extend(json.loads(line) for line in gzip.decompress(packed).splitlines())
    frame = pd.DataFrame(rows)
    for mixed in MIXED:
        frame[mixed] = pd.to_numeric(frame[mixed])
    frame.to_parquet(Path(folder) / "lines.parquet")
    return {"lines": len(frame)}


def dlt_rest_api(url, folder):
    """dlt's `rest_api` source into Parquet files, with the paginator that these links need."""
    import dlt
    from dlt.sources.helpers.rest_client.paginators import BasePaginator
    from dlt.sources.rest_api import rest_api_source

    class Links(BasePaginator):
        def update_state(self, response, data=None):  # noqa: ARG002
            self.next = response.json()["links"].get("next")
            self._has_next_page = self.next is not None

        def update_request(self, request):
            if self.next is None:
                return
            request.url = f"{url}/v1{self.next['uri']}"
            request.params = {}
            request.headers = {
                **(request.headers or {}),
                **{header["key"]: header["value"] for header in self.next["headers"]},
            }

    source = rest_api_source(
        {
            "client": {
                "base_url": f"{url}/v1/",
                "auth": {"type": "bearer", "token": TOKEN},
                "paginator": Links(),
            },
            "resources": [
                {
                    "name": "lines",
                    "endpoint": {
                        "path": PATH,
                        "params": {"size": 2000},
                        "data_selector": "items",
                    },
                }
            ],
        }
    )
    source.max_table_nesting = 0  # lists as JSON, as we have them
    pipeline = dlt.pipeline(
        "lines",
        destination=dlt.destinations.filesystem(bucket_url=f"file://{folder}/out"),
        dataset_name="lines",
        pipelines_dir=f"{folder}/state",
    )
    pipeline.run(source, loader_file_format="parquet")
    rows = pipeline.last_trace.last_normalize_info.row_counts["lines"]
    return {"lines": rows}


# Totals over the stored lines, by customer, offer and currency: once read, in whole seconds


def _files(folder):
    return sorted(map(str, Path(folder).glob(f"*/lines/object_type={ONE_TIME}/**/*.parquet")))


def totals_ours(url, folder):
    """By `client.scan` and `totals`: with names by the latest line, and the guard of the sums."""
    import narwhals  # noqa: F401 (what `totals` imports when it is first asked)

    import invoicekit as ik

    with client_of(url, folder) as client:
        start = time.perf_counter()
        charges = ik.charges({ONE_TIME: client.scan(ONE_TIME)})
        found = ik.totals(charges, "customer", "offer")
        seconds = time.perf_counter() - start
    return _totalled(seconds, found.height, found["total"].sum())


def totals_polars(url, folder):  # noqa: ARG001
    """By hand, polars' streaming engine."""
    import polars as pl

    start = time.perf_counter()
    found = (
        pl.scan_parquet(_files(folder), hive_partitioning=False)
        .group_by(
            "customer_id",
            pl.concat_str("product_id", "sku_id", separator=":", ignore_nulls=True).alias(
                "offer_id"
            ),
            "currency",
        )
        .agg(
            pl.len().alias("lines"),
            *(pl.col(amount).sum() for amount in AMOUNTS),
            pl.last("customer_name", "product_name"),
        )
        .sort("currency", "total_for_customer", descending=[False, True])
        .collect(engine="streaming")
    )
    seconds = time.perf_counter() - start
    return _totalled(seconds, found.height, found["total_for_customer"].sum())


def totals_duckdb(url, folder):  # noqa: ARG001
    """By hand, DuckDB."""
    import duckdb

    start = time.perf_counter()
    sums = ", ".join(f"sum({amount}) AS {amount}" for amount in AMOUNTS)
    found = duckdb.execute(
        "SELECT customer_id, concat_ws(':', product_id, sku_id) AS offer_id, currency, count(*),"
        f" {sums}, last(customer_name), last(product_name)"
        " FROM read_parquet(?, hive_partitioning=false) GROUP BY customer_id, offer_id, currency"
        " ORDER BY currency, 7 DESC",
        [_files(folder)],
    ).fetchall()
    seconds = time.perf_counter() - start
    return _totalled(seconds, len(found), sum(row[6] for row in found))


def totals_pandas(url, folder):  # noqa: ARG001
    """By hand, pandas on Arrow's types (its own have no decimals)."""
    import pandas as pd

    start = time.perf_counter()
    columns = ["customer_id", "product_id", "sku_id", "currency", "customer_name", "product_name"]
    frame = pd.read_parquet(
        _files(folder), columns=[*columns, *AMOUNTS], dtype_backend="pyarrow", partitioning=None
    )
    ids = frame["product_id"].fillna("") + ":" + frame["sku_id"].fillna("")
    frame["offer_id"] = ids.str.strip(":")
    grouped = frame.groupby(["customer_id", "offer_id", "currency"], sort=False, dropna=False)
    named = {"customer_name": "last", "product_name": "last"}
    found = grouped.agg({**dict.fromkeys(AMOUNTS, "sum"), **named})
    found = found.sort_values("total_for_customer", ascending=False)
    seconds = time.perf_counter() - start
    return _totalled(seconds, len(found), found["total_for_customer"].sum())


def _totalled(seconds, rows, total):
    return {"seconds": seconds, "rows": rows, "total": f"{total:.2f}"}


if __name__ == "__main__":
    said = globals()[sys.argv[1]](**json.loads(sys.argv[2]))
    print(json.dumps({"seconds": time.perf_counter() - START, "peak": peak(), **said}))

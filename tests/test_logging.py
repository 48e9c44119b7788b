"""What is logged: a record a page, wait, retry and commit, and nothing that is secret."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

import invoicekit as ik
from invoicekit.visible import visible
from support.partner import Partner
from support.server import TOKEN, Reply, invoice, line, page, rows


def test_a_sync_of_the_demo_partner_tells_pages_and_commits_and_no_secret(caplog):
    caplog.set_level(logging.DEBUG)
    with ik.demo() as client:
        client.sync(since="2026-10", tell=[].append)
        token = client.settings.token.reveal()
        names = set(client.latest.charges()["customer_name"]) - {None}
        graph = client.settings.graph_token.reveal()
    ours = [one.getMessage() for one in caplog.records if one.name.startswith("invoicekit.")]
    assert any(text.startswith("page 1 of onetime/billing of G012345612: ") for text in ours)
    assert any(text.startswith("commit of onetime/billing of G012345612: ") for text in ours)
    assert not any(one.name.startswith("requests_cache") for one in caplog.records)
    everything = "\n".join(f"{one.getMessage()} {one.args!r}" for one in caplog.records)
    assert len(names) > 20
    for secret in (token, graph, "Bearer", "sig=", "sv=20", *names):
        assert not secret or secret not in everything, secret[:12]


def test_no_word_of_the_service_steers_who_reads_the_log(serve, open_client, caplog):
    caplog.set_level(logging.DEBUG, logger="invoicekit")
    headers = page(rows(invoice("G1\u202e\u2066")))
    lines = page(rows(line()))
    service = serve(lambda asked: lines if "lineitems" in asked.target else headers)
    open_client(service).sync(tell=[].append)
    told = [one.getMessage() for one in caplog.records]
    assert any(text.startswith("commit of onetime/billing of G1") for text in told)
    assert all(text == visible(text) for text in told)


def test_a_retry_and_its_wait_are_told(serve, open_client, caplog):
    caplog.set_level(logging.INFO, logger="invoicekit")
    answer, busy = Partner(), [Reply(status=503)]
    service = serve(lambda asked: busy.pop() if busy else answer(asked))
    open_client(service).invoice("G1")
    told = [one.getMessage() for one in caplog.records]
    assert told[0] == "retry 1 of GET after 503"
    assert told[1].startswith("wait of 0.0 s: 503 from ")
    assert TOKEN not in "".join(told)


def test_without_a_setup_nothing_is_printed():
    code = "import invoicekit, logging; logging.getLogger('invoicekit.fetch').warning('a word')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == done.stdout == ""


def test_progress_tells_a_function_and_is_silent_where_it_is_false(serve, open_client, capfd):
    service = serve(Partner())
    told = []
    open_client(service, progress=lambda *words: told.append(words)).invoice("G1").line_items()
    assert [name for name, _ in told] == ["G1"] * len(told)
    assert told[-1][1] == open_client(service, progress=False).invoice("G1").charges().height
    assert capfd.readouterr().err == ""
    with pytest.raises(ik.SettingsError, match="progress is None, False, or a function"):
        ik.connect(progress="no")

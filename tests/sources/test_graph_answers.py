"""What Graph says of an export and what its manifest lists: every form of it, and nothing odd."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

import invoicekit as ik
from invoicekit.secret import Secret
from invoicekit.sources.graph.manifest import Blobs, parse_manifest, read_record
from invoicekit.sources.graph.operation import FAILED, READY, RUNNING, parse_operation

SAS = "sv=2021-08-06&se=2026-11-26T15%3A00%3A00Z&sr=d&sdd=7&sp=rl&sig=S3CR3T%2Bx%3D"
MANIFEST = {
    "id": "1",
    "schemaVersion": "2",
    "dataFormat": "compressedJSON",
    "eTag": "0x8DC1234567890AB",
    "rootDirectory": "https://a.blob.core.windows.net/c/v1/PartnerTenantId=1/InvoiceId=G1",
    "sasToken": SAS,
    "blobCount": 2,
    "blobs": [
        {"name": "part-00000-1.c000.json.gz", "partitionValue": "default"},
        {"name": "part-00001-1.c000.json.gz", "partitionValue": "default"},
    ],
}


def operation(status=None, kind=None, **more):
    said = {"status": status, "@odata.type": kind, **more}
    return json.dumps({name: value for name, value in said.items() if value is not None}).encode()


def parsed(**changes):
    found = {name: value for name, value in {**MANIFEST, **changes}.items() if value is not ...}
    return parse_manifest(Secret(json.dumps(found)), "onetime/billing of G1")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("notStarted", RUNNING),
        ("notstarted", RUNNING),
        ("NotStarted", RUNNING),
        ("running", RUNNING),
        ("Running", RUNNING),
        ("queuedForLater", RUNNING),
        ("succeeded", READY),
        ("Succeeded", READY),
        ("completed", READY),
        ("COMPLETED", READY),
        ("failed", FAILED),
        ("Failed", FAILED),
    ],
)
def test_states_are_told_by_status_whatever_its_case(status, state):
    found = parse_operation(operation(status, resourceLocation=MANIFEST), "G1")
    assert (found.state, found.status) == (state, status)


@pytest.mark.parametrize(
    ("kind", "state"),
    [("runningOperation", RUNNING), ("exportSuccessOperation", READY), ("failedOperation", FAILED)],
)
def test_without_a_status_the_type_tells(kind, state):
    body = operation(None, f"#microsoft.graph.partners.billing.{kind}", resourceLocation=MANIFEST)
    assert parse_operation(body, "G1").state == state


def test_the_manifest_is_inline_or_a_link_or_a_navigation_link():
    inline = parse_operation(operation("succeeded", resourceLocation=MANIFEST), "G1")
    assert json.loads(inline.manifest.reveal()) == MANIFEST
    for name in ("resourceLocation", "resourceLocation@odata.navigationLink"):
        linked = parse_operation(operation("succeeded", **{name: "/manifests/1"}), "G1")
        assert linked.link == Secret("/manifests/1")
        assert "manifests/1" not in repr(linked)
    assert "S3CR3T" not in repr(inline)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no JSON object"),
        (b"[1]", "no JSON object"),
        (b'{"status": "succ', "no JSON object"),
        (b"\xff\xfe", "no JSON object"),
        (b"{}", "says no status"),
        (b'{"status": 7}', "says no status"),
        (b'{"status": "succeeded"}', "names no manifest"),
        (b'{"status": "succeeded", "resourceLocation": 7}', "names no manifest"),
    ],
)
def test_what_is_no_operation_is_refused(body, words):
    with pytest.raises(ik.PageError, match=words):
        parse_operation(body, "onetime/billing of G1")


def test_a_failure_keeps_the_services_words_on_one_line():
    body = operation("failed", error={"code": 5000, "message": "No data\n available\x1b[31m"})
    found = parse_operation(body, "G1")
    assert (found.code, found.message) == ("5000", "No data  available [31m")
    assert parse_operation(operation("failed", error="?"), "G1").code == ""


def test_a_manifest_lists_blobs_and_the_way_there_does_not_show():
    blobs, access = parsed()
    assert blobs == Blobs(
        "0x8DC1234567890AB", ("part-00000-1.c000.json.gz", "part-00001-1.c000.json.gz")
    )
    assert access.until == datetime(2026, 11, 26, 15, tzinfo=UTC)
    assert access.url("b").reveal() == f"{MANIFEST['rootDirectory']}/b?{SAS}"
    for text in (repr(access), repr(access.url("b")), blobs.record().decode()):
        assert "S3CR3T" not in text
        assert "windows.net" not in text


def test_a_slash_at_the_folders_end_leads_to_the_same_blobs():
    _, access = parsed(rootDirectory=f"{MANIFEST['rootDirectory']}/")
    assert access.url("b").reveal() == f"{MANIFEST['rootDirectory']}/b?{SAS}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"blobs": []}, "lists no blobs"),
        ({"blobs": ...}, "lists no blobs"),
        ({"blobs": {"name": "a"}}, "lists no blobs"),
        ({"blobCount": 1}, "lists 2 blobs, and its blobCount is 1"),
        ({"blobCount": 3}, "lists 2 blobs, and its blobCount is 3"),
        ({"blobCount": "2"}, "does not say how many"),
        ({"blobCount": True}, "does not say how many"),
        ({"blobCount": ...}, "does not say how many"),
        ({"blobs": [{"name": "a"}, {"name": "a"}]}, "lists a blob twice"),
        ({"eTag": ...}, "names no version"),
        ({"eTag": ""}, "names no version"),
        ({"eTag": "a\nb"}, "names no version"),
        ({"eTag": "a" * 201}, "names no version"),
        ({"sasToken": ...}, "no SAS token"),
        ({"sasToken": ""}, "no SAS token"),
        ({"sasToken": "sig=S3CR3T x"}, "no SAS token"),
        ({"sasToken": "sig=S3CR3T#x"}, "no SAS token"),
        ({"sasToken": "sig=S3CR3T\r\nHost: x"}, "no SAS token"),
        ({"rootDirectory": ...}, "names no folder"),
        ({"rootDirectory": "c/v1"}, "names no folder"),
        ({"rootDirectory": "https://a.blob.core.windows.net"}, "names no folder"),
        ({"rootDirectory": "https://a.blob.core.windows.net/c/../d"}, "names no folder"),
        ({"rootDirectory": "https://a.blob.core.windows.net/c/%2e%2e/d"}, "names no folder"),
        ({"rootDirectory": "https://a.blob.core.windows.net/c?x=1"}, "names no folder"),
        ({"rootDirectory": "https://a.blob.core.windows.net/c?"}, "names no folder"),
        ({"rootDirectory": "https://a.blob.core.windows.net/c#x"}, "names no folder"),
        ({"rootDirectory": "https://u:p@a.blob.core.windows.net/c"}, "names no folder"),
        ({"rootDirectory": "https://[/c"}, "names no folder"),
        ({"rootDirectory": "https://a.blob.core.windows.net//"}, "names no folder"),
        ({"rootDirectory": "https://a.blob.core.windows.net/c /d"}, "names no folder"),
    ],
)
def test_a_manifest_that_is_not_whole_or_leads_elsewhere_is_refused(changes, words):
    with pytest.raises(ik.PageError, match=words):
        parsed(**changes)


@pytest.mark.parametrize(
    "end", ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00", "NaN", "", "2026-13-01"]
)
def test_a_sas_with_an_end_that_is_none_may_be_tried(end):
    assert parsed(sasToken=f"se={end}&sig=S3CR3T")[1].until is None


def test_a_manifest_of_another_partner_is_refused_where_both_are_ids():
    own, other = (f"{n}" * 8 + "-aaaa-4aaa-8aaa-" + "c" * 12 for n in (1, 2))
    for said in (own, own.upper(), "", None, 7, "partner.example"):
        text = Secret(json.dumps(MANIFEST | {"partnerTenantId": said}))
        assert parse_manifest(text, "G1", own)[0].names
    text = Secret(json.dumps(MANIFEST | {"partnerTenantId": other}))
    with pytest.raises(ik.PageError, match=r"manifest of G1 is of another partner"):
        parse_manifest(text, "G1", own)
    for tenant in ("", "partner.example", "token-1"):
        assert parse_manifest(text, "G1", tenant)[0].names


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "a\\b", "../a", "a..b", "a?b", "a#b", "a%2fb", "a b", "a\n", 7, None,
     "é", "a" * 256, "-rf", ".hidden"],
)  # fmt: skip
def test_a_blob_with_a_hostile_name_is_refused(name):
    with pytest.raises(ik.PageError, match="blob 2 has a name that would lead elsewhere"):
        parsed(blobs=[{"name": "a"}, {"name": name}])


def test_a_blob_that_is_no_object_is_refused():
    with pytest.raises(ik.PageError, match="blob 1 has a name"):
        parsed(blobs=["a"], blobCount=1)


@given(
    st.text(min_size=1, max_size=20, alphabet="abc0_xyz"),
    st.lists(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9=~-]{0,40}", fullmatch=True), min_size=1),
)
def test_a_record_gives_back_the_list(etag, names):
    blobs = Blobs(etag, tuple(names))
    assert read_record(blobs.record()) == blobs


@pytest.mark.parametrize(
    "record",
    [None, b"", b"[]", b"{}", b'{"eTag": "a", "blobs": []}', b'{"eTag": "a", "blobs": ["../x"]}',
     b'{"eTag": "a b", "blobs": ["x"]}', b'{"eTag": 1, "blobs": ["x"]}',
     b'{"eTag": "a", "blobs": 1}'],
)  # fmt: skip
def test_a_record_that_is_none_is_not_believed(record):
    assert read_record(record) is None

"""The doctor: what is said of each kind of token, and what never is."""

from __future__ import annotations

import time

import pytest

from invoicekit.auth.doctor import doctor
from invoicekit.auth.signers import signer_for
from invoicekit.errors import AccessError
from invoicekit.sandbox.made_up_token import GRAPH_TOKEN, SANDBOX_TOKEN
from invoicekit.settings import read_settings
from support.entra import TENANT, jwt, refused

PARTNER_CENTER = "https://api.partnercenter.microsoft.com"
USER = {
    "aud": PARTNER_CENTER,
    "tid": TENANT,
    "scp": "user_impersonation",
    "amr": ["pwd", "mfa"],
    "name": "Ida Example",
    "upn": "ida@example.com",
}
APP = {"aud": PARTNER_CENTER, "tid": TENANT, "idtyp": "app", "appid": "a"}


@pytest.fixture
def ask(tmp_path):
    def ask(token="", probe=None, **given):
        given = {"token": token or None, "cache_dir": tmp_path, **given}
        settings = read_settings(given, environ={})
        return doctor(settings, signer_for(settings), probe=probe)

    return ask


def says(diagnosis):
    return {row["topic"]: (row["state"], row["says"]) for row in diagnosis.rows()}


def test_a_users_token_can_do_everything(ask):
    diagnosis = ask(jwt(**USER, exp=time.time() + 3000))
    found = says(diagnosis)
    assert diagnosis.fine
    assert found["kind of token"] == ("note", "App+User")
    for call in ("list of invoices", "invoice by id", "statement PDF"):
        assert found[call] == ("fine", "yes")
    assert found["audience"] == ("fine", PARTNER_CENTER)
    assert found["MFA"][0] == found["expiry"][0] == "fine"
    assert found["expiry"][1].startswith("49 min left (")
    assert "signature" in found["token"][1]


def test_an_app_only_token_lists_and_reads_lines_but_gets_no_pdf(ask):
    found = says(ask(jwt(**APP, exp=time.time() + 9000)))
    assert found["kind of token"] == ("note", "app-only")
    assert found["list of invoices"] == ("fine", "yes")
    older = "yes: legacy commerce, and new commerce before 2024-02"
    assert found["line items"] == ("fine", older)
    assert "reads the invoice from the list" in found["invoice by id"][1]
    assert "App+User" in found["statement PDF"][1]
    assert "MFA" not in found
    assert found["expiry"][1].startswith("2 h 29 min left")


AUDIENCES = [
    ("https://graph.windows.net", "900420"),
    ("https://graph.windows.net/", "900420"),
    ("00000002-0000-0000-c000-000000000000", "900420"),
    ("https://graph.microsoft.com", "Microsoft Graph"),
    ("https://management.azure.com", "not Partner Center"),
    ("https://partner.partnercenterapi.microsoftonline.cn", "cloud global wants"),
    (None, "not Partner Center"),
    (["a", "b"], "not Partner Center"),
]


@pytest.mark.parametrize(("audience", "words"), AUDIENCES)
def test_a_wrong_audience_is_told_with_the_scope_to_ask_for(ask, audience, words):
    state, said = says(ask(jwt(**APP | {"aud": audience})))["audience"]
    assert (state, words in said) == ("wrong", True)
    assert said.endswith(f"{PARTNER_CENTER}/.default")


def test_the_id_of_partner_center_is_a_right_audience(ask):
    aud = "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"
    assert says(ask(jwt(**APP | {"aud": aud})))["audience"][0] == "fine"


TIMES = [
    ({"exp": 1_700_000_000}, "wrong", "expired"),
    ({"exp": 4e9, "nbf": 3.9e9}, "wrong", "is this clock right"),
    ({"exp": "soon"}, "unknown", "does not say"),
    ({"exp": 1e99}, "unknown", "does not say"),
    ({}, "unknown", "does not say"),
    ({"exp": 4e9}, "fine", "days left"),
]


@pytest.mark.parametrize(("claims", "state", "words"), TIMES)
def test_how_long_a_token_is_good_is_told(ask, claims, state, words):
    found = says(ask(jwt(**APP, **claims)))["expiry"]
    assert (found[0], words in found[1]) == (state, True)


@pytest.mark.parametrize("amr", [None, ["pwd"], []])
def test_a_users_token_without_mfa_is_told(ask, amr):
    state, said = says(ask(jwt(**USER | {"amr": amr})))["MFA"]
    assert (state, "900421" in said) == ("wrong", True)


def test_a_tenant_that_cannot_be_compared_with_the_tokens_is_told(ask):
    assert says(ask(jwt(**USER), tenant_id="contoso.example"))["tenant"][0] == "note"


def test_an_opaque_token_is_said_to_be_unreadable(ask):
    diagnosis = ask("OPAQUE-TOKEN")
    found = says(diagnosis)
    assert found["token"] == ("unknown", "it cannot be read here: it is no JWT")
    assert found["kind of token"][0] == found["statement PDF"][0] == "unknown"
    assert diagnosis.fine


WAYS = [("app-only", {"client_secret": "S3CRET"}), ("App+User", {"refresh_token": "S3CRET"})]


@pytest.mark.parametrize(("kind", "given"), WAYS)
def test_before_the_first_sign_in_it_says_what_the_settings_promise(ask, kind, given):
    found = says(ask(client_id="app", tenant_id=TENANT, **given))
    assert found["kind of token"] == ("note", kind)
    assert found["token"][0] == "unknown"


def test_the_probe_is_asked_and_its_failure_is_a_finding(ask):
    assert says(ask("OPAQUE", probe=lambda: "3 invoices"))["service answers"] == (
        "fine",
        "3 invoices",
    )

    def refused():
        raise AccessError("401 for the token t-SECRET", status=401)

    diagnosis = ask("t-SECRET", probe=refused)
    assert not diagnosis.fine
    assert says(diagnosis)["service answers"] == (
        "wrong",
        "AccessError: 401 for the token (secret)",
    )


def test_without_a_sign_in_the_probe_is_not_asked(ask):
    found = says(ask(tenant_id=TENANT, offline=True, probe=lambda: pytest.fail("asked")))
    assert found["sign-in works"][0] == "wrong"
    assert "service answers" not in found
    assert found["kind of token"][0] == "unknown"


def test_the_cache_is_measured_and_never_made(ask, tmp_path):
    settings = read_settings({"token": "OPAQUE", "cache_dir": tmp_path}, environ={})
    found = says(ask("OPAQUE"))
    assert "0 files, 0.0 MB" in found["cache"][1]
    assert found["cache writable"] == ("fine", "yes")
    assert list(tmp_path.iterdir()) == []
    folder = tmp_path / settings.scope / "deep"
    folder.mkdir(parents=True)
    (folder / "page").write_bytes(bytes(2_500_000))
    found = says(ask("OPAQUE"))
    assert found["cache"][1] == f"{tmp_path / settings.scope}: 1 files, 2.5 MB"
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["page"]


def test_a_cache_that_cannot_be_written_is_told(ask, tmp_path):
    (tmp_path / "file").write_text("")
    diagnosis = ask("OPAQUE", cache_dir=tmp_path / "file" / "cache")
    assert says(diagnosis)["cache writable"][0] == "wrong"


def test_neither_the_token_nor_who_it_speaks_for_is_shown(ask):
    token = jwt(**USER | {"tid": "<b>x\x1b[2J</b>"}, exp=4e9)
    diagnosis = ask(token, tenant_id="said")
    for shown in (repr(diagnosis), diagnosis._repr_html_(), str(diagnosis.rows())):
        for secret in (token, token.split(".")[1], "Ida", "ida@", "\x1b"):
            assert secret not in shown
    assert "<b>" not in diagnosis._repr_html_()


def test_it_prints_one_line_per_check_and_a_table_in_a_notebook(ask):
    diagnosis = ask(jwt(**USER, exp=4e9))
    lines = repr(diagnosis).splitlines()
    assert len(lines) == len(diagnosis.checks) == diagnosis._repr_html_().count("<tr>")
    assert any(line.startswith("✔ list of invoices") for line in lines)


def test_a_base_url_of_another_place_is_told(ask):
    found = says(ask("OPAQUE", base_url="http://127.0.0.1:8000", offline=True))
    assert found["base_url"] == (
        "note",
        "http://127.0.0.1:8000, which is not the cloud's own, never asked (offline)",
    )
    assert found["cloud"] == ("note", "global")


OF_GRAPH = {"aud": "https://graph.microsoft.com", "tid": TENANT, "exp": 4e9}
READS = "PartnerBilling.Read.All"
GRAPH_TOKENS = [
    ({"roles": [READS], "idtyp": "app"}, "fine", "yes"),
    ({"scp": f"User.Read {READS}"}, "fine", "yes"),
    ({"aud": "00000003-0000-0000-c000-000000000000", "roles": [READS]}, "fine", "yes"),
    ({"aud": "https://graph.microsoft.com/", "roles": [READS]}, "fine", "yes"),
    ({"roles": ["User.Read.All"]}, "wrong", "API permissions, Microsoft Graph: add PartnerBilling"),
    ({"scp": "PartnerBilling.Read.Allx"}, "wrong", "API permissions"),
    ({"roles": {READS: 1}}, "wrong", "API permissions"),
    ({}, "wrong", "without PartnerBilling.Read.All"),
]


@pytest.mark.parametrize(("claims", "state", "words"), GRAPH_TOKENS)
def test_what_a_token_for_graph_may_read_is_told(ask, claims, state, words):
    diagnosis = ask(jwt(**USER, exp=4e9), graph_token=jwt(**OF_GRAPH | claims))
    found = says(diagnosis)
    assert (found["Graph line items"][0], words in found["Graph line items"][1]) == (state, True)
    assert found["Graph audience"][0] == found["Graph expiry"][0] == "fine"
    assert diagnosis.fine is (state == "fine")
    assert found["line items"][0] == "fine"


def test_a_token_for_graph_that_is_partner_centers_is_told(ask):
    found = says(ask(jwt(**USER, exp=4e9), graph_token=jwt(**USER)))
    state, said = found["Graph audience"]
    assert (state, "Microsoft Graph takes no tokens made for Partner Center" in said) == (
        "wrong",
        True,
    )
    assert said.endswith("https://graph.microsoft.com/.default")


NO_GRAPH = [
    ({"cloud": "usgov"}, "not asked: cloud usgov has no billing there"),
    ({"base_url": "http://127.0.0.1:1"}, "graph_url is not set"),
    ({}, "no (new commerce from 2024-02 on): there is no token for it"),
]


@pytest.mark.parametrize(("given", "words"), NO_GRAPH)
def test_where_graph_is_not_asked_it_says_why_and_that_is_no_fault(ask, given, words):
    diagnosis = ask(jwt(**USER, exp=4e9), **given)
    state, said = says(diagnosis)["Graph line items"]
    assert (state, words in said, diagnosis.fine) == ("note", True, True)
    assert "Graph token" not in says(diagnosis)
    assert (says(diagnosis)["line items"] == ("fine", "yes")) is bool(given)


def test_asking_signs_in_at_both(place, tmp_path):
    signer = place.signer(client_secret="S3CRET")
    given = {"client_id": "app", "tenant_id": TENANT, "client_secret": "S3CRET"}
    settings = read_settings(given | {"cache_dir": tmp_path}, environ={})
    found = says(doctor(settings, signer))
    assert found["Graph token"][0] == found["Graph line items"][0] == "unknown"
    assert place.entra.paths == []
    found = says(doctor(settings, signer, probe=lambda: "3 invoices"))
    assert found["sign-in works"] == found["Graph sign-in works"] == ("fine", "yes")


def test_a_consent_that_lacks_at_graph_is_told_with_where_it_is_given(place, tmp_path):
    signer = place.signer(client_secret="S3CRET")
    signer.token()
    given = {"client_id": "app", "tenant_id": TENANT, "client_secret": "S3CRET"}
    settings = read_settings(given | {"cache_dir": tmp_path}, environ={})
    place.entra.answers = [(400, refused("invalid_grant", 65001, "No consent."))]
    found = says(doctor(settings, signer, probe=lambda: "3 invoices"))
    state, said = found["Graph sign-in works"]
    assert (state, READS in said, "App registrations" in said) == ("wrong", True, True)
    assert found["service answers"][0] == "fine"


def test_the_sandbox_passes(demo):
    diagnosis = demo.doctor(ask=True)
    assert diagnosis.fine, diagnosis
    assert says(diagnosis)["audience"][1].startswith("the sandbox's own")


def test_the_sandbox_of_graph_passes(ask):
    given = {"base_url": "http://127.0.0.1:1", "graph_url": "http://127.0.0.1:2"}
    diagnosis = ask(SANDBOX_TOKEN, graph_token=GRAPH_TOKEN, **given)
    found = says(diagnosis)
    assert diagnosis.fine
    assert found["Graph audience"][0] == found["Graph line items"][0] == "fine"


def test_the_sandboxs_token_is_nobodys_elsewhere(ask):
    assert says(ask(jwt(aud="invoicekit sandbox", tid=TENANT)))["audience"][0] == "wrong"


def test_who_has_signed_in_is_told(tmp_path):
    class Signed:
        """A signer that knows its user."""

        kind = "device code"
        held = staticmethod(lambda *_: None)
        secrets = staticmethod(lambda: ())
        account = staticmethod(lambda: "ida@partner.example\x1b[2J")

    given = {"client_id": "app", "tenant_id": TENANT, "cache_dir": tmp_path}
    found = says(doctor(read_settings(given, environ={}), Signed()))
    assert found["signed in as"] == (
        "note",
        "ida@partner.example [2J (invoicekit sign-out forgets the sign-in)",
    )

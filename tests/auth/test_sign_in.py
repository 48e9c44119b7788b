"""Signing in, against a token endpoint that is real but for its address."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from msal_extensions import FilePersistence

from invoicekit.auth.entra import SignInEnvironment
from invoicekit.auth.entra_http import open_http
from invoicekit.auth.signers import signer_for
from invoicekit.auth.token_store import open_storage
from invoicekit.clouds import CLOUDS
from invoicekit.errors import AccessError, FetchError, InvoiceKitError, SettingsError
from invoicekit.settings import read_settings
from support.entra import (
    RESOURCE,
    TENANT,
    USER,
    app_certificate,
    jwt,
    refused,
    session_trusting,
)
from support.paths import TESTS

GIVEN = {
    "secret": {"client_secret": "CLIENT~SECRET+1"},
    "refresh": {"refresh_token": "REFRESH-0-SECRET"},
    "device": {},
}


def test_a_given_token_is_handed_out_as_is_and_cannot_be_renewed(place):
    signer = place.signer(token="Bearer THE-TOKEN")
    assert (signer.kind, signer.token(), signer.renew()) == ("token", "THE-TOKEN", None)
    assert repr(signer) == "Signer(token)"
    assert signer.secrets() == ("THE-TOKEN",)
    assert place.entra.paths == []


def test_nothing_is_asked_and_no_msal_loaded_before_the_first_token(place):
    for given in GIVEN.values():
        signer = place.signer(**given)
        assert signer.held() is None
    assert place.entra.paths == []
    code = (
        "import sys; from invoicekit.auth.signers import signer_for; "
        "from invoicekit.settings import read_settings; "
        "signer_for(read_settings({'client_id': 'a', 'tenant_id': 't'}, {})); "
        "sys.exit('msal' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_app_only_by_secret_asks_the_default_scope_of_partner_center(place):
    signer = place.signer(**GIVEN["secret"])
    assert (signer.kind, signer.token()) == ("app-only", "ACCESS-1-SECRET")
    (form,) = place.entra.forms
    assert form["scope"] == f"{RESOURCE}/.default"
    assert form["grant_type"] == "client_credentials"
    assert form["client_secret"] == "CLIENT~SECRET+1"


def test_app_only_by_certificate_sends_an_assertion_and_never_the_key(place, tmp_path):
    signer = place.signer(client_certificate=app_certificate(tmp_path))
    assert (signer.kind, signer.token()) == ("app-only", "ACCESS-1-SECRET")
    (form,) = place.entra.forms
    assert form["client_assertion_type"].endswith("jwt-bearer")
    assert form["client_assertion"] in signer.secrets()
    assert "client_secret" not in form


@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"])
def test_a_certificate_file_without_key_or_certificate_says_so(place, tmp_path, text):
    (tmp_path / "half.pem").write_text(text)
    with pytest.raises(SettingsError, match=r"half\.pem has to hold both"):
        place.signer(client_certificate=tmp_path / "half.pem").token()
    (tmp_path / "half.pem").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match=r"half\.pem has to hold both"):
        place.signer(client_certificate=tmp_path / "half.pem").token()
    with pytest.raises(SettingsError, match=r"none\.pem cannot be read"):
        place.signer(client_certificate=tmp_path / "none.pem").token()


def test_a_damaged_or_foreign_key_is_told_without_showing_it(place, tmp_path):
    both = app_certificate(tmp_path)
    text = both.read_text()
    both.write_text(text.replace("MII", "XXX", 1))
    with pytest.raises(SettingsError, match="private key is damaged") as caught:
        place.signer(client_certificate=both).token()
    assert caught.value.__cause__ is None
    (tmp_path / "other").mkdir()
    other = app_certificate(tmp_path / "other").read_text()
    cut = "-----BEGIN CERTIFICATE"
    both.write_text(text.partition(cut)[0] + "".join(other.partition(cut)[1:]))
    with pytest.raises(SettingsError, match="of another certificate"):
        place.signer(client_certificate=both).token()


PASTED = {
    "as it is": lambda text: text,
    "one line, ends as backslash-n": lambda text: text.replace("\n", "\\n"),
    "Windows": lambda text: text.replace("\n", "\r\n"),
    "one line, Windows": lambda text: text.replace("\n", "\\r\\n"),
    "without the last end": str.strip,
}


@pytest.mark.parametrize("paste", PASTED.values(), ids=PASTED)
def test_the_text_of_a_certificate_is_as_good_as_a_file(place, tmp_path, paste):
    text = paste(app_certificate(tmp_path).read_text())
    signer = place.signer(client_certificate=text)
    assert signer.token() == "ACCESS-1-SECRET"
    environ = {"INVOICEKIT_CLIENT_CERTIFICATE": text, "INVOICEKIT_TENANT_ID": TENANT}
    settings = read_settings({}, environ | {"INVOICEKIT_CLIENT_ID": "app-id"})
    assert signer_for(settings, place.world).token() == "ACCESS-2-SECRET"
    assert "PRIVATE" not in repr(settings) + repr(signer)


@pytest.mark.parametrize("password", ["P4SSWORD", "P4SSWORD with spaces, ü"])
def test_an_encrypted_key_takes_its_password(place, tmp_path, password):
    file = app_certificate(tmp_path, password)
    for certificate in (file, file.read_text()):
        given = {"client_certificate": certificate, "client_certificate_password": password}
        assert place.signer(**given).token().reveal().startswith("ACCESS-")
    for wrong, words in ((None, "set client_certificate_password"), ("x", "does not open")):
        with pytest.raises(SettingsError, match=words) as caught:
            place.signer(client_certificate=file, client_certificate_password=wrong).token()
        assert "P4SS" not in str(caught.value)


def test_a_password_that_the_key_does_not_need_does_no_harm(place, tmp_path):
    given = {"client_certificate": app_certificate(tmp_path)}
    signer = place.signer(**given, client_certificate_password="P4SSWORD")
    assert signer.token() == "ACCESS-1-SECRET"


MISPLACED = {
    "a key without a certificate": "-----BEGIN PRIVATE KEY-----\nS3CRET\n-----END PRIVATE KEY-----",
    "a key cut short": "-----BEGIN PRIVATE KEY-----\nS3CRET",
    "base64 of it": "S3CRET" * 300,
    "a client secret": "abc8Q~S3CRET.of-the_app",
    "a path with a zero": "S3CRET\0.pem",
}


@pytest.mark.parametrize("value", MISPLACED.values(), ids=MISPLACED)
def test_a_certificate_that_is_none_is_never_shown(place, value):
    signer = place.signer(client_certificate=value)
    with pytest.raises(SettingsError, match="client_certificate") as caught:
        signer.token()
    assert "S3CRET" not in _everything(caught.value) + repr(signer)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_key_file_that_others_may_read_is_warned_of(place, tmp_path, mode):
    file = app_certificate(tmp_path)
    file.chmod(mode)
    with pytest.warns(UserWarning, match=r"app\.pem holds a private key.*chmod 600"):
        place.signer(client_certificate=file).token()
    file.chmod(0o600)
    place.signer(client_certificate=file).token()  # a warning would be an error here


def test_a_refresh_token_gives_a_users_token_and_its_successor_is_used_next(place):
    signer = place.signer(**GIVEN["refresh"], client_secret="CLIENT-SECRET")
    assert (signer.kind, signer.token()) == ("refresh token", "ACCESS-1-SECRET")
    assert signer.renew() == "ACCESS-2-SECRET"
    forms = place.entra.forms
    assert [form["refresh_token"] for form in forms] == ["REFRESH-0-SECRET", "REFRESH-1-SECRET"]
    assert f"{RESOURCE}/user_impersonation" in forms[0]["scope"].split()
    assert forms[0]["client_secret"] == "CLIENT-SECRET"


def test_the_next_run_starts_from_the_rotated_refresh_token(place):
    place.signer(**GIVEN["refresh"]).token()
    assert "REFRESH-1-SECRET" in place.kept()
    assert "ACCESS" not in place.kept()
    place.signer(**GIVEN["refresh"]).token()
    assert place.entra.forms[-1]["refresh_token"] == "REFRESH-1-SECRET"


def test_a_newly_given_refresh_token_wins_over_the_kept_one(place):
    place.signer(**GIVEN["refresh"]).token()
    place.signer(refresh_token="NEW-CONSENT").token()
    assert place.entra.forms[-1]["refresh_token"] == "NEW-CONSENT"


def test_a_kept_refresh_token_that_is_spent_gives_way_to_the_given_one(place):
    place.signer(**GIVEN["refresh"]).token()
    place.entra.spent.add("REFRESH-1-SECRET")
    assert place.signer(**GIVEN["refresh"]).token() == "ACCESS-2-SECRET"
    assert place.entra.forms[-1]["refresh_token"] == "REFRESH-0-SECRET"


def test_two_apps_and_two_tenants_share_no_kept_refresh_token(place):
    place.signer(**GIVEN["refresh"]).token()
    place.signer(**GIVEN["refresh"], client_id="other-app").token()
    assert place.entra.forms[-1]["refresh_token"] == "REFRESH-0-SECRET"


def test_each_of_two_users_of_an_app_keeps_a_sign_in_of_its_own(place):
    ida, bob = {"refresh_token": "REFRESH-0-SECRET"}, {"refresh_token": "NEW-CONSENT"}
    for given in (ida, bob, ida, bob):
        place.signer(**given).token()
    used = [form["refresh_token"] for form in place.entra.forms]
    assert used == ["REFRESH-0-SECRET", "NEW-CONSENT", "REFRESH-1-SECRET", "REFRESH-2-SECRET"]


def test_the_sign_in_that_the_first_release_kept_is_used_and_signed_out_of(place):
    import hashlib
    import json

    name = hashlib.sha256(f"global\n{TENANT}\napp-id".encode()).hexdigest()[:32]
    given = hashlib.sha256(b"REFRESH-0-SECRET").hexdigest()
    (place.folder / "kept").mkdir()
    kept = json.dumps({"given": given, "refresh_token": "REFRESH-9-SECRET"})
    (place.folder / "kept" / name).write_text(kept)
    place.signer(**GIVEN["refresh"]).token()
    assert place.entra.forms[-1]["refresh_token"] == "REFRESH-9-SECRET"
    assert place.signer(**GIVEN["refresh"]).sign_out() is True
    assert "SECRET" not in place.kept()


@pytest.mark.parametrize("given", [GIVEN["refresh"], GIVEN["device"]], ids=["refresh", "device"])
def test_after_signing_out_nothing_is_kept_and_nobody_is_signed_in(place, given):
    signer = place.signer(**given)
    assert (signer.account(), signer.sign_out()) == ("", False)
    signer.token()
    assert place.signer(**given).account() == signer.account() == USER
    assert signer.sign_out() is True
    assert (signer.held(), signer.account(), signer.sign_out()) == (None, "", False)
    assert "SECRET" not in place.kept() + USER
    assert USER not in place.kept()
    place.entra.user = "bob@partner.example"
    place.signer(**given).token()
    assert place.signer(**given).account() == "bob@partner.example"
    grants = [grant.rpartition(":")[2] for grant in place.entra.grants()]
    assert grants[-1] == ("refresh_token" if given else "device_code")


def test_another_user_who_enters_the_code_is_the_one_who_is_signed_in(place):
    place.signer().token()
    place.entra.spent.add("REFRESH-1-SECRET")
    place.entra.user = ""  # whom Entra does not name: Ida it is not
    signer = place.signer()
    signer.token()
    assert place.said[-1] == "signed in as a user whom Entra does not name"
    assert signer.account() == place.signer().account() == ""


def test_an_app_and_a_given_token_have_no_sign_in_to_forget(place):
    signer = place.signer(**GIVEN["secret"])
    signer.token()
    assert (signer.account(), signer.sign_out(), signer.held()) == ("", True, None)
    given = place.signer(token="THE-TOKEN")
    assert (given.account(), given.sign_out(), given.held()) == ("", False, "THE-TOKEN")


def test_a_kept_sign_in_that_cannot_be_removed_is_an_error(place):
    place.signer().token()

    class Stuck(FilePersistence):
        def save(self, _):
            raise PermissionError("no")

    kept = place.folder / "kept"
    fields = _fields(place.world) | {"open_storage": lambda name: Stuck(str(kept / name))}
    place.world = SignInEnvironment(**fields)
    with pytest.raises(OSError, match="could not be removed"):
        place.signer().sign_out()


def test_a_warning_that_is_an_error_shows_no_token(place):
    """Where warnings are errors, that of the storage leaves with the frames of the sign-in."""

    def no_storage(_):
        raise RuntimeError("no keyring")

    place.world = SignInEnvironment(**_fields(place.world) | {"open_storage": no_storage})
    with pytest.raises(UserWarning, match="no protected storage"):
        place.signer(**GIVEN["refresh"]).token()


def test_a_token_of_another_tenant_than_the_one_set_is_refused(place):
    other = jwt(tid=TENANT.replace("1", "b"))
    place.entra.answers = [(200, {"access_token": other, "expires_in": 3600})]
    signer = place.signer(**GIVEN["secret"])
    with pytest.raises(SettingsError, match="another tenant"):
        signer.token()
    assert signer.held() is None


@pytest.mark.parametrize("token", ["ACCESS\r\nX-Evil: 1", "ACCESS-ü"])
def test_a_token_that_makes_no_header_is_refused(place, token):
    place.entra.answers = [(200, {"access_token": token, "expires_in": 3600})]
    with pytest.raises(FetchError, match="is none"):
        place.signer(**GIVEN["secret"]).token()


def test_entra_gets_nothing_of_netrc(place, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ida password P4SSWORD\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # they come before the session's own
        monkeypatch.delenv(name, raising=False)

    def open_ours():
        http = open_http()
        http.verify = place.certificate
        return http

    place.world = SignInEnvironment(**_fields(place.world) | {"open_http": open_ours})
    assert open_ours().trust_env  # proxies of the machine are used
    place.signer(**GIVEN["secret"]).token()
    assert place.entra.signed == []


FIRST_SIGN_IN = """
import logging, sys
from pathlib import Path
logging.basicConfig(level=logging.DEBUG)
sys.path.insert(0, sys.argv[1])
from support.entra import TENANT, Entra, serve, session_trusting
from invoicekit.auth.entra import SignInEnvironment
from invoicekit.auth.signers import signer_for
from invoicekit.settings import read_settings

class Nowhere:
    load = staticmethod(lambda: "{}")
    save = staticmethod(lambda content: None)

server, cloud, certificate = serve(Entra(), Path(sys.argv[2]))
http = lambda: session_trusting(certificate)
environment = SignInEnvironment({"global": cloud}, http, lambda name: Nowhere, lambda line: None)
signer = signer_for(read_settings({"client_id": "app", "tenant_id": TENANT}, {}), environment)
assert "msal" not in sys.modules, "not the first"
assert signer.token() == "ACCESS-1-SECRET"
server.close()
"""


def test_msal_is_muted_in_the_first_sign_in_of_a_process_too(tmp_path):
    """Its loggers come to be as it is imported, and some even later."""
    done = subprocess.run(
        [sys.executable, "-c", FIRST_SIGN_IN, str(TESTS), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "DEBUG:urllib3" in done.stderr  # there was a log
    assert "msal" not in done.stderr
    assert "SECRET" not in done.stderr


def test_storage_that_holds_garbage_is_as_good_as_none(place):
    place.signer(**GIVEN["refresh"]).token()
    for text in ("", "{", "[]", '{"given": 1}', "\x00"):
        for file in (place.folder / "kept").iterdir():
            file.write_text(text)
        assert place.signer(**GIVEN["refresh"]).token().reveal().startswith("ACCESS-")
        assert place.entra.forms[-1]["refresh_token"] == "REFRESH-0-SECRET"


def test_without_protected_storage_it_warns_once_and_writes_nothing_down(
    place, tmp_path, monkeypatch
):
    # The real storage of this machine, which has no keyring: nothing may be written for that.
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home" / "data"))
    if sys.platform != "linux" or _has_keyring():
        pytest.skip("this system has a protected storage")
    place.world = SignInEnvironment(**{**_fields(place.world), "open_storage": open_storage})
    signer = place.signer(**GIVEN["refresh"])
    with pytest.warns(UserWarning, match="never written in plain text") as warned:
        signer.token()
    assert "SECRET" not in str(warned[0].message)
    signer.renew()  # a second warning would be an error here
    assert place.entra.forms[-1]["refresh_token"] == "REFRESH-1-SECRET"
    written = [p.read_bytes() for p in (tmp_path / "home").rglob("*") if p.is_file()]
    assert not any(b"REFRESH" in body for body in written)


def _has_keyring():
    try:
        open_storage("invoicekit-test")
    except (ImportError, RuntimeError):
        return False
    return True


def _fields(environment):
    return {name: getattr(environment, name) for name in environment.__dataclass_fields__}


def test_a_device_code_is_shown_in_one_clean_line_and_asked_for_once(place):
    signer = place.signer()
    assert (signer.kind, signer.token()) == ("device code", "ACCESS-1-SECRET")
    assert place.said == [
        "Open https://microsoft.com/devicelogin [2J and enter ABC123",
        f"signed in as {USER}",
    ]
    assert signer.renew() == "ACCESS-2-SECRET"
    assert place.signer().token() == "ACCESS-3-SECRET"
    assert len(place.said) == 2
    assert place.entra.grants()[-2:] == ["refresh_token", "refresh_token"]


def test_a_device_code_is_asked_for_again_when_the_kept_sign_in_is_spent(place):
    place.signer().token()
    place.entra.spent.add("REFRESH-1-SECRET")
    assert place.signer().token() == "ACCESS-2-SECRET"
    assert len(place.said) == 4


def test_a_declined_device_code_is_an_access_error(place):
    place.entra.answers = [
        place.entra.answer(f"/{TENANT}/oauth2/v2.0/devicecode", {}),
        (400, {"error": "authorization_declined", "error_description": "AADSTS65004: Declined."}),
    ]
    with pytest.raises(AccessError, match="nobody has allowed this app"):
        place.signer().token()


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_a_token_is_kept_until_five_minutes_before_its_end(place, given):
    signer = place.signer(**given)
    assert signer.token() == signer.token() == "ACCESS-1-SECRET"
    place.now += 3600 - 301
    assert signer.token() == "ACCESS-1-SECRET"
    place.now += 2
    assert signer.token() == "ACCESS-2-SECRET"


def test_a_short_lived_token_is_renewed_at_half_its_life(place):
    place.entra.expires_in = 2
    place.world = SignInEnvironment(**{**_fields(place.world), "clock": time.time})
    signer = place.signer(**GIVEN["secret"])
    assert signer.token() == signer.token() == "ACCESS-1-SECRET"
    time.sleep(1.1)
    assert signer.token() == "ACCESS-2-SECRET"


def test_a_renewal_that_fails_leaves_the_old_token_in_use_while_it_is_good(place):
    signer = place.signer(**GIVEN["secret"])
    signer.token()
    place.now += 3600 - 200
    place.entra.answers = [(503, {"error": "temporarily_unavailable"})]
    assert signer.token() == signer.token() == "ACCESS-1-SECRET"
    assert place.entra.answers == []
    assert len(place.entra.forms) == 2
    place.entra.answers = [(503, {})]
    place.now += 190
    with pytest.raises(FetchError, match="answered 503"):
        signer.token()


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_renew_forces_a_new_token_after_a_401(place, given):
    signer = place.signer(**given)
    signer.token()
    assert signer.renew() == "ACCESS-2-SECRET"
    assert signer.token() == signer.held() == "ACCESS-2-SECRET"


def test_of_many_threads_one_asks_for_the_token_and_one_renews_it(place):
    signer = place.signer(**GIVEN["secret"])
    place.entra.delay = 0.1
    start = threading.Barrier(8)

    def both(_):
        start.wait()
        first = signer.token()
        start.wait()
        return first, signer.renew(first)

    with ThreadPoolExecutor(8) as pool:
        got = set(pool.map(both, range(8)))
    assert got == {("ACCESS-1-SECRET", "ACCESS-2-SECRET")}
    assert len(place.entra.forms) == 2


REFUSED = [
    ("secret", "invalid_client", 7000215, SettingsError, "client secret is wrong"),
    ("secret", "invalid_client", 7000222, SettingsError, "client secret has expired"),
    ("secret", "unauthorized_client", 700016, SettingsError, "app is not known in this tenant"),
    ("secret", "invalid_client", 424242, SettingsError, "Entra says: Some words"),
    ("refresh", "invalid_grant", 700082, AccessError, "not been used for too long"),
    ("refresh", "invalid_grant", 50173, AccessError, "password changed"),
    ("refresh", "invalid_grant", 50076, AccessError, "multi-factor"),
    ("refresh", "interaction_required", 424242, AccessError, "multi-factor"),
    ("refresh", "consent_required", 65001, AccessError, "allowed this app"),
    ("refresh", "never_heard_of", 424242, AccessError, "AADSTS424242"),
    ("device", "invalid_client", 7000218, SettingsError, "Allow public client flows"),
    ("device", "temporarily_unavailable", 424242, FetchError, "slow down"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[0]}-{case[2]}")
def test_a_refusal_is_told_in_plain_words_with_a_remedy(place, case):
    flow, error, number, kind, words = case
    place.entra.answers = [(400, refused(error, number, "Some words."))]
    with pytest.raises(InvoiceKitError, match=words) as caught:
        place.signer(**GIVEN[flow]).token()
    assert type(caught.value) is kind
    assert "What helps: " in str(caught.value)
    assert "Trace ID" not in str(caught.value)
    if isinstance(caught.value, FetchError):
        assert (caught.value.code, caught.value.correlation_id) == (f"AADSTS{number}", "c-1")
        assert caught.value.hint


def test_a_tenant_that_does_not_exist_is_named(place):
    with pytest.raises(SettingsError, match=r"knows no tenant contoso\.example"):
        place.signer(**GIVEN["secret"], tenant_id="contoso.example").token()


ODD = {
    "a web page": (200, b"<html>sign in</html>"),
    "a cut answer": (200, b'{"access_token": "ACCESS-9-SECRET", "expi'),
    "a list": (200, b"[]"),
    "no token": (200, b"{}"),
    "a failure": (500, b"{}"),
    "a redirect": (307, b""),
    "a proxy": (407, b"who are you"),
    "a token of another kind": (200, b'{"access_token": {"a": 1}}'),
}


@pytest.mark.parametrize("answer", ODD.values(), ids=ODD)
@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_an_answer_that_is_none_is_an_error_of_ours(place, given, answer, caplog):
    caplog.set_level(logging.DEBUG)
    place.entra.answers = [answer]
    with pytest.raises(FetchError) as caught:
        place.signer(**given).token()
    assert "SECRET" not in caplog.text + _everything(caught.value)


def test_no_connection_is_a_fetch_error_that_holds_no_request(place):
    place.server.close()
    with pytest.raises(FetchError, match=r"no connection to 127\.0\.0\.1") as caught:
        place.signer(**GIVEN["secret"]).token()
    assert caught.value.__cause__.request is None
    assert "SECRET" not in _everything(caught.value)


def test_a_certificate_that_is_not_trusted_is_a_fetch_error(place):
    import requests

    place.world = SignInEnvironment(**{**_fields(place.world), "open_http": requests.Session})
    with pytest.raises(FetchError, match="certificates are trusted"):
        place.signer(**GIVEN["secret"]).token()


def _everything(error):
    """All that a traceback, a log or a debugger's first look would show of `error`."""
    chain, shown = error, []
    while chain is not None:
        shown += [*traceback.format_exception(chain), repr(chain), repr(vars(chain))]
        chain = chain.__cause__ or chain.__context__
    return "\n".join(shown)


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_no_secret_is_in_any_log_repr_or_error(place, given, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("msal", "msal.token_cache", "msal.oauth2cli.oauth2", "urllib3"):
        caplog.set_level(logging.DEBUG, logger=name)
    signer = place.signer(**given)
    shown = [repr(signer)]
    signer.token()
    signer.renew()
    shown += [repr(signer), str(signer)]
    echo = " ".join(secret.reveal() for secret in signer.secrets())
    place.entra.answers = [(400, refused("invalid_scope", 424242, f"You sent {echo}"))]
    with pytest.raises(InvoiceKitError) as caught:
        signer.renew()
    shown += [_everything(caught.value), caplog.text, *place.said]
    assert "(secret)" in str(caught.value)
    assert len(signer.secrets()) >= 2
    for secret in (*(secret.reveal() for secret in signer.secrets()), "SECRET", "Ida"):
        assert secret not in "\n".join(shown), secret


def test_a_secret_is_removed_before_long_words_are_cut(place):
    """Cut first, and the head of a secret would no longer look like it."""
    signer = place.signer(client_secret="S3CRET" * 20)
    echo = "x" * 250 + "S3CRET" * 20
    place.entra.answers = [(400, refused("invalid_scope", 424242, echo))]
    with pytest.raises(SettingsError) as caught:
        signer.token()
    assert "S3CRET" not in str(caught.value)


def test_the_sessions_own_transport_tries_again_where_entra_is_out_of_breath(place):
    def open_ours():
        http = open_http()
        http.trust_env, http.verify = False, place.certificate
        return http

    place.world = SignInEnvironment(**{**_fields(place.world), "open_http": open_ours})
    place.entra.answers = [(503, {}), (502, {})]
    assert place.signer(**GIVEN["secret"]).token() == "ACCESS-1-SECRET"
    assert len(place.entra.forms) == 3


def test_without_a_world_of_its_own_a_signer_leans_on_ours(capsys):
    environment = SignInEnvironment()
    environment.say("a line")
    assert capsys.readouterr() == ("", "a line\n")
    assert environment.clouds is CLOUDS


def test_msal_is_muted_for_us_alone(place, caplog):
    caplog.set_level(logging.DEBUG)
    place.signer(**GIVEN["secret"]).token()
    logging.getLogger("msal.application").info("somebody else's")
    assert "somebody else's" in caplog.text
    assert not [record for record in caplog.records if record.name == "msal.token_cache"]


def test_what_msal_would_log_names_the_device_code(place, caplog):
    """The reason for muting it; should this fail one day, msal has become more discreet."""
    import msal

    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings():
        app = msal.PublicClientApplication(
            "app-id",
            authority=f"https://{place.cloud.authority}/{TENANT}",
            http_client=session_trusting(place.certificate),
            instance_discovery=False,
        )
    place.entra.pending = 0
    app.acquire_token_by_device_flow(app.initiate_device_flow(["s"]))
    assert "DEVICE-CODE-SECRET" in caplog.text


def test_offline_needs_no_sign_in_and_says_the_ways_when_a_token_is_asked_for():
    settings = read_settings({"tenant_id": TENANT, "offline": True}, environ={})
    signer = signer_for(settings)
    assert (signer.kind, signer.renew(), signer.held(), signer.secrets()) == (
        "none",
        None,
        None,
        (),
    )
    assert repr(signer) == "Signer(none)"
    with pytest.raises(SettingsError, match="INVOICEKIT_CLIENT_CERTIFICATE"):
        signer.token()


def test_every_secret_is_known_before_the_first_token(place):
    signer = place.signer(**GIVEN["refresh"], client_secret="CLIENT-SECRET")
    assert set(signer.secrets()) == {"REFRESH-0-SECRET", "CLIENT-SECRET"}
    assert place.signer(token=jwt(tid="t"), client_secret="CLIENT-SECRET").secrets()[-1:] == (
        "CLIENT-SECRET",
    )

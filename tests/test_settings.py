"""Settings: what is read, what is refused, and what is never shown."""

from __future__ import annotations

import pytest
from entra import jwt

from invoicekit.claims import claims_of, is_app_only
from invoicekit.clouds import CLOUDS
from invoicekit.errors import SettingsError
from invoicekit.settings import SIGN_INS, read_settings

TENANT = "11111111-2222-3333-4444-555555555555"
APP = {"client_id": "app", "tenant_id": TENANT}


def read(environ=None, **given):
    return read_settings(given, environ=environ or {})


WAYS = [
    ("token", {"token": "t"}),
    ("token", {"token": "t", "client_id": "app", "client_secret": "s"}),
    ("app-only", APP | {"client_secret": "s"}),
    ("app-only", APP | {"client_certificate": "app.pem"}),
    ("refresh token", APP | {"refresh_token": "r"}),
    ("refresh token", APP | {"refresh_token": "r", "client_secret": "s"}),
    ("device code", APP),
    ("none", {"tenant_id": TENANT, "offline": True}),
]


@pytest.mark.parametrize(("kind", "given"), WAYS)
def test_what_is_set_chooses_the_sign_in_alike_by_name_and_by_environment(kind, given):
    assert read(**given).sign_in == kind
    environ = {f"INVOICEKIT_{name.upper()}": str(value) for name, value in given.items()}
    assert read(environ).sign_in == kind
    assert read(environ) == read(**given)


def test_nothing_to_sign_in_with_lists_every_way():
    with pytest.raises(SettingsError) as caught:
        read()
    for _, needs in SIGN_INS:
        for name in needs:
            assert f"INVOICEKIT_{name.upper()}" in str(caught.value)


REFUSED = [
    ({"client_id": "app", "client_secret": "s"}, "tenant_id is missing"),
    ({"client_id": "app", "refresh_token": "r"}, "tenant_id is missing"),
    ({"client_id": "app"}, "tenant_id is missing"),
    (APP | {"tenant_id": "common"}, "no tenant"),
    (APP | {"tenant_id": "Organizations"}, "no tenant"),
    ({"token": "t", "tenant_id": "common"}, "no tenant"),
    (APP | {"tenant_id": "a/../b"}, "neither an id nor a domain"),
    (APP | {"tenant_id": "a?b"}, "neither an id nor a domain"),
    ({"tenant_id": TENANT, "client_secret": "S3CRET"}, "client_secret is set and client_id is not"),
    (
        {"tenant_id": TENANT, "refresh_token": "S3CRET"},
        "refresh_token is set and client_id is not",
    ),
    (APP | {"client_secret": "S3CRET", "client_certificate": "x"}, "both set"),
    (APP | {"client_secret": "S3CRET x"}, "client_secret holds characters"),
    (APP | {"refresh_token": "S3CRET\nx"}, "refresh_token holds characters"),
    ({"token": "S3CRÈT"}, "token holds characters"),
    ({"offline": True}, "nothing to sign in with"),
    (APP | {"cloud": "Germany"}, "closed its German cloud"),
    (APP | {"cloud": "mars"}, "one of global, usgov, china"),
    (APP | {"base_url": "ftp://a"}, "no http"),
    (APP | {"base_url": "https://u:S3CRET@a"}, "user name or password"),
    (APP | {"base_url": "https://a/v1"}, "without /v1"),
    (APP | {"base_url": "http://a"}, "unencrypted"),
    (APP | {"page_size": "many"}, "no whole number"),
    (APP | {"page_size": 2001}, "between 1 and 2000"),
    (APP | {"connections": 17}, "between 1 and 16"),
    (APP | {"connections": 0}, "between 1 and 16"),
    (APP | {"offline": "perhaps"}, "say 1 or 0"),
]


@pytest.mark.parametrize(("given", "words"), REFUSED)
def test_what_makes_no_sense_is_refused_by_name_and_without_its_value(given, words):
    with pytest.raises(SettingsError, match=words) as caught:
        read(**given)
    assert "S3CR" not in str(caught.value)


def test_no_secret_is_in_the_repr():
    settings = read(token="T0KEN", **APP, client_secret="S3CRET", refresh_token="R3FRESH")
    assert not {"T0KEN", "S3CRET", "R3FRESH"} & set(repr(settings).replace("'", " ").split())
    assert "T0KEN" not in repr(settings)
    assert "S3CRET" not in repr(settings)
    assert "R3FRESH" not in repr(settings)


def test_an_app_in_the_call_comes_before_a_token_left_in_the_environment():
    environ = {"INVOICEKIT_TOKEN": "old", "INVOICEKIT_TENANT_ID": TENANT}
    assert read(environ, client_id="app", client_secret="s").sign_in == "app-only"
    assert read(environ, client_id="app", client_secret="s").token == ""
    assert read(environ).sign_in == "token"
    assert read(environ, client_id="app", token="new").token == "new"


def test_the_tenant_is_the_one_said_else_the_tokens_own_else_its_digest():
    assert read(token=jwt(tid="mine"), tenant_id="said").tenant_id == "said"
    assert read(token=jwt(tid="mine")).tenant_id == "mine"
    digest = read(token="opaque").tenant_id
    assert digest.startswith("token-")
    assert digest != read(token="other").tenant_id
    assert "opaque" not in digest


def test_no_two_tenants_clouds_or_hosts_share_a_cache_folder():
    scopes = {
        read(token="t").scope,
        read(token="u").scope,
        read(**APP).scope,
        read(**APP, cloud="usgov").scope,
        read(**APP, cloud="china").scope,
        read(**APP, base_url="http://127.0.0.1:8000").scope,
        read(**APP | {"tenant_id": "contoso.example"}).scope,
    }
    assert len(scopes) == 7
    assert read(**APP).scope == read(**APP, client_secret="s").scope


CLOUD_NAMES = [
    ("global", "global"),
    ("Public", "global"),
    ("US Government", "usgov"),
    ("us-gov", "usgov"),
    ("21Vianet", "china"),
]


@pytest.mark.parametrize(("said", "meant"), CLOUD_NAMES)
def test_a_cloud_goes_by_its_common_names(said, meant):
    settings = read(**APP, cloud=said)
    assert (settings.cloud, settings.base_url) == (meant, CLOUDS[meant].api_root)


def test_no_cloud_asks_for_a_token_for_the_retired_graph():
    for cloud in CLOUDS.values():
        for scope in (cloud.app_only_scope, cloud.delegated_scope):
            assert "graph" not in scope
            assert scope.startswith("https://")
    assert CLOUDS["china"].authority == "login.partner.microsoftonline.cn"
    assert CLOUDS["usgov"].authority == "login.microsoftonline.us"


@pytest.mark.parametrize(
    "token", ["", "opaque", "a.b.c", "a..c", "a.W10.c", "a." + "W1s" * 9 + ".c"]
)
def test_a_token_that_cannot_be_read_has_no_claims(token):
    assert claims_of(token) is None
    assert is_app_only(token) is None


def test_an_endlessly_nested_token_does_no_harm():
    import base64

    deep = base64.urlsafe_b64encode(b"[" * 200_000).decode()
    assert claims_of(f"a.{deep}.c") is None


KINDS = [
    (True, {"idtyp": "app", "scp": "x"}),
    (False, {"idtyp": "user"}),
    (False, {"scp": "user_impersonation", "roles": ["x"]}),
    (True, {"appid": "a"}),
    (None, {"tid": "t"}),
]


@pytest.mark.parametrize(("app_only", "claims"), KINDS)
def test_a_token_tells_whether_it_speaks_for_an_app(app_only, claims):
    assert is_app_only(jwt(**claims)) is app_only

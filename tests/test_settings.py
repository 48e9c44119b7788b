"""Settings: what is read, what is refused, and what is never shown."""

from __future__ import annotations

import re
import warnings

import pytest

import invoicekit as ik
from invoicekit.clouds import CLOUDS
from invoicekit.errors import SettingsError
from invoicekit.jwt import claims_of, is_app_only
from invoicekit.settings import FROM_THE_CALL, SIGN_INS, read_settings
from support.entra import jwt
from support.server import invoice

TENANT = "11111111-2222-3333-4444-555555555555"
APP = {"client_id": "app", "tenant_id": TENANT}


def read(environ=None, **given):
    return read_settings(given, environ=environ or {})


class Credential:
    """Gives tokens."""

    def get_token(self, scope):
        raise AssertionError(f"asked for {scope}")


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
    assert "credential" in str(caught.value)
    for kind, needs in SIGN_INS:
        for name in needs if kind not in FROM_THE_CALL else ():
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
    (APP | {"tenant_id": "abc8Q~S3CRET"}, "neither an id nor a domain"),
    ({"token": "t", "tenant_id": "abc8Q~S3CRET"}, "neither an id nor a domain"),
    (APP | {"tenant_id": "S3CRET" * 20}, "neither an id nor a domain"),
    (APP | {"cloud": "S3CRET"}, "one of global, usgov, china"),
    (APP | {"read_timeout": "S3CRET"}, "no number"),
    (APP | {"page_size": "S3CRET"}, "no whole number"),
    (APP | {"offline": "S3CRET"}, "say 1 or 0"),
    (APP | {"cache_dir": "~S3CRET/x"}, "no such home"),
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
    (APP | {"base_url": "https://a/v1"}, "a host alone"),
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


REFUSED_URLS = [
    "http://[",
    "http://[::1",
    "https://a:99999",
    "https://a:0",
    "https://a:port",
    "https://a b",
    "https://a\\b",
    "https://\u2100.example",  # a sign that becomes a/c when it is made a host
    "https://",
    "a.example",
    "https://a?sig=S3CRET",
    "https://a#S3CRET",
    "https://S3CRET@a",
    "https://[S3CRET",
]


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_a_base_url_that_is_none_is_refused_and_not_shown(url):
    with pytest.raises(SettingsError, match="base_url") as caught:
        read(**APP, base_url=url)
    assert url not in str(caught.value)
    assert "S3CR" not in str(caught.value)


BASE_URLS = [
    ("https://A.Example/", "https://a.example"),
    ("https://a.example:8443", "https://a.example:8443"),
    ("http://127.0.0.1:1", "http://127.0.0.1:1"),
    ("http://[::1]:80", "http://[::1]:80"),
    ("http://localhost", "http://localhost"),
]


@pytest.mark.parametrize(("said", "kept"), BASE_URLS)
def test_a_base_url_is_kept_in_one_spelling(said, kept):
    assert read(token="t", base_url=said).base_url == kept


def test_no_secret_is_in_the_repr():
    settings = read(
        token="T0KEN", **APP, client_secret="S3CRET", refresh_token="R3FRESH", graph_token="T0KEN"
    )
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


A, B = TENANT, TENANT.replace("1", "b")
OF_A, OF_B = jwt(tid=A, oid="user-of-a"), jwt(tid=B, oid="user-of-b")
ENVIRON_A = {"INVOICEKIT_TENANT_ID": A, "INVOICEKIT_CLIENT_ID": "app-a"}
TWO = "another tenant than the token's"
# What the call names, what the environment does; then tenant, who asks, sign-in, or a refusal.
IDENTITIES = [
    # A token in the call: its own tenant, and nothing of whoever the environment is for.
    ({"token": OF_B}, {}, (B, "user-of-b", "token")),
    ({"token": OF_B}, ENVIRON_A, (B, "user-of-b", "token")),
    ({"token": OF_B}, {"INVOICEKIT_TENANT_ID": "a.example"}, (B, "user-of-b", "token")),
    ({"token": OF_B}, ENVIRON_A | {"INVOICEKIT_TOKEN": OF_A}, (B, "user-of-b", "token")),
    ({"token": OF_B, "tenant_id": B}, ENVIRON_A, (B, "user-of-b", "token")),
    ({"token": OF_B, "tenant_id": B.upper()}, {}, (B.upper(), "user-of-b", "token")),
    ({"token": OF_B, "tenant_id": "b.example"}, {}, ("b.example", "user-of-b", "token")),
    ({"token": OF_B, "tenant_id": A}, {}, TWO),
    ({"token": OF_B, "tenant_id": A}, ENVIRON_A, TWO),
    ({"token": "opaque"}, ENVIRON_A, ("token-…", "token-…", "token")),
    ({"token": "opaque", "tenant_id": B}, ENVIRON_A, (B, "token-…", "token")),
    ({"token": "opaque", "tenant_id": B, "client_id": "app-b"}, ENVIRON_A, (B, "app-b", "token")),
    ({"token": jwt(tid=B, appid="app-b")}, ENVIRON_A, (B, "app-b", "token")),
    ({"token": jwt(tid=B)}, ENVIRON_A, (B, "token-…", "token")),
    ({"token": OF_B, "offline": True}, ENVIRON_A, (B, "user-of-b", "token")),
    # A token in the environment: the tenant is what is said, if it can be.
    ({}, {"INVOICEKIT_TOKEN": OF_A}, (A, "user-of-a", "token")),
    ({}, ENVIRON_A | {"INVOICEKIT_TOKEN": OF_A}, (A, "user-of-a", "token")),
    ({}, ENVIRON_A | {"INVOICEKIT_TOKEN": "opaque"}, (A, "app-a", "token")),
    ({}, ENVIRON_A | {"INVOICEKIT_TOKEN": OF_B}, TWO),
    ({"tenant_id": B}, {"INVOICEKIT_TOKEN": OF_A}, TWO),
    ({"tenant_id": B}, ENVIRON_A | {"INVOICEKIT_TOKEN": OF_A}, TWO),
    # An app in the call: no token of the environment, and no proofs of another app.
    ({"client_id": "app-b"}, ENVIRON_A | {"INVOICEKIT_TOKEN": OF_A}, (A, "app-b", "device code")),
    ({"client_id": "app-b", "tenant_id": B}, ENVIRON_A, (B, "app-b", "device code")),
    (
        {"client_id": "app-b", "tenant_id": B},
        ENVIRON_A | {"INVOICEKIT_CLIENT_SECRET": "S3CRET-of-a"},
        (B, "app-b", "device code"),
    ),
    (
        {"client_id": "app-b", "tenant_id": B},
        ENVIRON_A | {"INVOICEKIT_REFRESH_TOKEN": "S3CRET-of-a"},
        (B, "app-b", "device code"),
    ),
    (
        {"client_secret": "S3CRET"},
        ENVIRON_A | {"INVOICEKIT_TOKEN": OF_A},
        (A, "app-a", "app-only"),
    ),
    (
        {"client_id": "app-b"},
        {"INVOICEKIT_TENANT_ID": B, "INVOICEKIT_CLIENT_SECRET": "S3CRET-of-b"},
        (B, "app-b", "app-only"),
    ),
    ({"client_id": "app-b"}, {"INVOICEKIT_TOKEN": OF_A}, "tenant_id is missing"),
    # An app in the environment.
    ({}, ENVIRON_A | {"INVOICEKIT_CLIENT_SECRET": "S3CRET"}, (A, "app-a", "app-only")),
    ({"tenant_id": B}, ENVIRON_A, (B, "app-a", "device code")),
    ({"offline": True}, {"INVOICEKIT_TENANT_ID": A}, (A, "", "none")),
]


@pytest.mark.parametrize(("given", "environ", "found"), IDENTITIES)
def test_call_and_environment_never_mix_two_partners(given, environ, found):
    if isinstance(found, str):
        with pytest.raises(SettingsError, match=found):
            read(environ, **given)
        return
    settings = read(environ, **given)
    told = settings.tenant_id, settings.who, settings.sign_in
    digest = re.compile("token-[0-9a-f]{32}")
    assert tuple(digest.sub("token-…", text) for text in told) == found


ROOT = CLOUDS["global"].api_root
STALE = {"INVOICEKIT_BASE_URL": "http://127.0.0.1:8000"}
# What the call names, what the environment does beside a stale host, and the host that is asked.
ORIGINS = [
    ({"token": "t"}, {}, "http://127.0.0.1:8000"),
    ({}, {"INVOICEKIT_TOKEN": "t"}, "http://127.0.0.1:8000"),
    (APP | {"offline": True}, {}, ROOT),
    ({"tenant_id": TENANT, "offline": True}, {}, "http://127.0.0.1:8000"),
    (APP, {}, ROOT),
    (APP | {"client_secret": "s"}, {}, ROOT),
    (APP | {"refresh_token": "r"}, {}, ROOT),
    ({"client_id": "app"}, {"INVOICEKIT_TENANT_ID": TENANT}, ROOT),
    ({}, {"INVOICEKIT_TENANT_ID": TENANT, "INVOICEKIT_CLIENT_ID": "app"}, ROOT),
    (APP | {"cloud": "china"}, {}, CLOUDS["china"].api_root),
    (APP | {"base_url": "http://127.0.0.1:1"}, {}, "http://127.0.0.1:1"),
    (APP | {"base_url": ROOT}, {}, ROOT),
    ({"token": "t", "base_url": ROOT}, {}, ROOT),
]


@pytest.mark.parametrize(("given", "environ", "asked"), ORIGINS)
def test_the_token_of_a_sign_in_goes_to_no_host_of_the_environment(given, environ, asked):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        settings = read(environ | STALE, **given)
    assert settings.base_url == asked
    passed_over = asked != "http://127.0.0.1:8000" and "base_url" not in given
    assert ["passed over" in str(one.message) for one in told] == [True] * passed_over


def test_a_host_of_the_environment_that_is_the_services_own_is_no_matter():
    assert read({"INVOICEKIT_BASE_URL": ROOT}, **APP).base_url == ROOT


GRAPH_ROOT = CLOUDS["global"].graph_root
OWN = "http://127.0.0.1:1"
SECRET = APP | {"client_secret": "s"}
# What the call names, what the environment does, and the host of Graph that is asked, if any.
GRAPHS = [
    ({"token": "t"}, {}, GRAPH_ROOT),
    (SECRET, {}, GRAPH_ROOT),
    ({"token": "t", "cloud": "usgov"}, {}, ""),
    ({"token": "t", "cloud": "china", "graph_url": OWN}, {}, ""),
    ({"token": "t", "base_url": OWN}, {}, ""),
    ({"token": "t", "base_url": OWN, "graph_token": "g"}, {}, ""),
    ({"token": "t", "base_url": OWN, "graph_url": OWN}, {}, OWN),
    ({"token": "t", "base_url": OWN, "graph_url": GRAPH_ROOT}, {}, GRAPH_ROOT),
    ({"token": "t", "base_url": OWN}, {"GRAPH_URL": OWN}, OWN),
    ({"token": "t"}, {"GRAPH_URL": OWN}, OWN),
    ({"token": "t"}, {"BASE_URL": OWN}, ""),
    (SECRET | {"base_url": OWN}, {}, ""),
    (SECRET | {"base_url": OWN, "graph_url": OWN}, {}, OWN),
    (SECRET | {"graph_url": "https://Graph.Example/"}, {}, "https://graph.example"),
    # What a sign-in gets goes to no host of the environment.
    (SECRET, {"GRAPH_URL": OWN}, GRAPH_ROOT),
    (SECRET | {"base_url": OWN}, {"GRAPH_URL": OWN}, ""),
    (SECRET | {"base_url": OWN}, {"GRAPH_URL": GRAPH_ROOT}, GRAPH_ROOT),
    (SECRET | {"graph_token": "g"}, {"GRAPH_URL": OWN}, OWN),
]


@pytest.mark.parametrize(("given", "environ", "asked"), GRAPHS)
def test_which_host_of_graph_is_asked(given, environ, asked):
    environ = {f"INVOICEKIT_{name}": value for name, value in environ.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert read(environ, **given).graph_url == asked


def test_a_host_of_graph_that_is_passed_over_is_told():
    with pytest.warns(UserWarning, match=r"INVOICEKIT_GRAPH_URL is passed over.*graph\.microsoft"):
        read({"INVOICEKIT_GRAPH_URL": OWN}, **SECRET)


@pytest.mark.parametrize("url", [*REFUSED_URLS, "http://graph.example", "https://g.example/v1.0"])
def test_a_host_of_graph_that_is_none_is_refused_and_not_shown(url):
    with pytest.raises(SettingsError, match="graph_url") as caught:
        read(token="t", graph_url=url)
    assert "S3CR" not in str(caught.value)


OF_B_GRAPH = jwt(tid=B, roles=["PartnerBilling.Read.All"])
# What the call names, what the environment does; then Graph's token, or a refusal.
GRAPH_TOKENS = [
    ({"token": OF_B, "graph_token": OF_B_GRAPH}, {}, OF_B_GRAPH),
    ({}, {"TOKEN": OF_B, "GRAPH_TOKEN": OF_B_GRAPH}, OF_B_GRAPH),
    ({"graph_token": "Bearer opaque"}, {"TOKEN": OF_B}, "opaque"),
    # A token or an app in the call takes no other partner's from the environment.
    ({"token": OF_B}, {"GRAPH_TOKEN": "of-somebody"}, ""),
    ({"token": lambda: OF_B, "tenant_id": B}, {"GRAPH_TOKEN": "of-somebody"}, ""),
    (SECRET, {"GRAPH_TOKEN": "of-somebody"}, ""),
    ({"token": OF_A, "graph_token": OF_B_GRAPH}, {}, "graph_token is of another tenant than token"),
    ({"graph_token": OF_B_GRAPH}, {"TOKEN": OF_A}, "two partners"),
    ({}, {"TOKEN": OF_A, "GRAPH_TOKEN": OF_B_GRAPH}, "two partners"),
    (
        {"token": OF_A, "graph_token": OF_B_GRAPH, "tenant_id": "a.example"},
        {},
        "graph_token is of another tenant",
    ),
    (SECRET | {"graph_token": OF_B_GRAPH}, {}, "another tenant than the graph_token's"),
    ({"token": "t", "graph_token": "S3CRET x"}, {}, "graph_token holds characters"),
    ({"token": "t", "graph_token": 7}, {}, "graph_token is neither a text nor a function"),
    ({"graph_token": "g"}, {}, "nothing to sign in with"),
    ({"token": "t", "credential": Credential()}, {}, "token and credential are both set"),
    ({"credential": "S3CRET"}, {}, "no object with get_token"),
    ({"credential": object()}, {}, "no object with get_token"),
]


@pytest.mark.parametrize(("given", "environ", "found"), GRAPH_TOKENS)
def test_call_and_environment_mix_no_two_partners_at_graph(given, environ, found):
    environ = {f"INVOICEKIT_{name}": value for name, value in environ.items()}
    if " " in found:
        with pytest.raises(SettingsError, match=found) as caught:
            read(environ, **given)
        assert "S3CR" not in str(caught.value)
        return
    assert read(environ, **given).graph_token == found


def test_a_credential_takes_no_tenant_and_no_app_of_the_environment():
    environ = ENVIRON_A | {"INVOICEKIT_TOKEN": OF_A, "INVOICEKIT_CREDENTIAL": "x"}
    settings = read(environ, credential=Credential())
    assert (settings.sign_in, settings.tenant_id, settings.client_id) == ("credential", "", "")
    assert not settings.token
    assert not read(environ).credential


def test_the_time_for_an_export_is_a_setting():
    assert read(token="t").export_timeout == 3600
    assert read({"INVOICEKIT_EXPORT_TIMEOUT": "60"}, token="t").export_timeout == 60
    with pytest.raises(SettingsError, match="export_timeout"):
        read(token="t", export_timeout=0)


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
        for audience in cloud.resources:
            for scope in (cloud.app_only_scope(audience), cloud.delegated_scope(audience)):
                assert "graph.windows" not in scope
                assert ("graph" in scope) is (audience == "graph")
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


def test_of_two_partners_on_one_machine_each_gets_its_own(serve, tmp_path, monkeypatch):
    """The environment is A's, the call is B's, and the other way round; then offline."""
    tokens = {f"Bearer {OF_A}": "1.00", f"Bearer {OF_B}": "2.00"}
    service = serve(lambda asked: invoice(total=tokens[asked.headers["authorization"]]).encode())
    monkeypatch.setenv("INVOICEKIT_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("INVOICEKIT_BASE_URL", service.url)

    def total(environ, **given):
        monkeypatch.setenv("INVOICEKIT_TENANT_ID", environ)
        with ik.connect(**given) as client:
            return str(client.invoice("G1").total), len(service.asked)

    assert total(A, token=OF_A) == ("1.00", 1)
    assert total(A, token=OF_B) == ("2.00", 2)
    assert total(B, token=OF_A) == ("1.00", 2)
    assert total(A, token=OF_B, offline=True) == ("2.00", 2)
    assert total(B, token=OF_A, offline=True) == ("1.00", 2)

"""One sign-in, two audiences: a token for Partner Center, and one for Microsoft Graph."""

from __future__ import annotations

import functools
import time
from typing import NamedTuple

import pytest

import invoicekit as ik
from invoicekit.auth.signers import identified, signer_for
from invoicekit.errors import AccessError, FetchError, SettingsError
from invoicekit.jwt import claims_of
from invoicekit.secret import Secret
from invoicekit.settings import read_settings
from support.entra import DOMAIN, GRAPH, RESOURCE, TENANT, app_certificate, jwt, refused
from support.server import Reply, invoice

OTHER_TENANT = TENANT.replace("1", "b")
PC_SCOPE = "https://api.partnercenter.microsoft.com/.default"
GRAPH_SCOPE = "https://graph.microsoft.com/.default"


def scopes(place):
    return [form["scope"].split()[0] for form in place.entra.forms if "scope" in form]


def settings_of(**given):
    return read_settings(given, environ={})


# Entra: one app, both tokens.


@pytest.mark.parametrize("proof", ["secret", "certificate"])
def test_an_app_on_its_own_behalf_gets_a_token_for_each_audience(place, tmp_path, proof):
    given = {"client_secret": "CLIENT~SECRET+1"}
    if proof == "certificate":
        given = {"client_certificate": app_certificate(tmp_path)}
    signer = place.signer(**given)
    assert signer.token("graph") == "ACCESS-1-SECRET"
    assert signer.token("partner_center") == "ACCESS-2-SECRET"
    assert (signer.token("graph"), signer.token()) == ("ACCESS-1-SECRET", "ACCESS-2-SECRET")
    assert scopes(place) == [f"{GRAPH}/.default", f"{RESOURCE}/.default"]
    assert (signer.held("graph"), signer.held()) == ("ACCESS-1-SECRET", "ACCESS-2-SECRET")


def test_one_refresh_token_serves_both_and_is_rotated_by_either(place):
    signer = place.signer(refresh_token="REFRESH-0-SECRET")
    signer.token()
    signer.token("graph")
    signer.renew(audience="partner_center")
    assert scopes(place) == [
        f"{RESOURCE}/user_impersonation",
        f"{GRAPH}/PartnerBilling.Read.All",
        f"{RESOURCE}/user_impersonation",
    ]
    assert [form["refresh_token"] for form in place.entra.forms] == [
        f"REFRESH-{number}-SECRET" for number in (0, 1, 2)
    ]
    assert (signer.token(), signer.token("graph")) == ("ACCESS-3-SECRET", "ACCESS-2-SECRET")


def test_one_device_code_serves_both(place):
    signer = place.signer()
    signer.token()
    assert signer.token("graph") == "ACCESS-2-SECRET"
    assert sum("ABC123" in said for said in place.said) == 1
    assert place.entra.grants()[-1] == "refresh_token"


def test_who_has_signed_in_is_not_asked_for_another_code_where_consent_lacks(place):
    signer = place.signer()
    signer.token()
    place.entra.answers = [(400, refused("invalid_grant", 65001, "No consent."))]
    with pytest.raises(AccessError, match="allowed this app to use Microsoft Graph") as caught:
        signer.token("graph")
    assert "add PartnerBilling.Read.All" in str(caught.value)
    assert sum(path.endswith("devicecode") for path in place.entra.paths) == 1
    assert signer.token() == "ACCESS-1-SECRET"


REFUSALS = [
    ("invalid_grant", 65001, "PartnerBilling.Read.All"),
    ("invalid_resource", 500011, "Microsoft Graph is not known"),
    ("invalid_scope", 424242, "may not ask for Microsoft Graph"),
]


@pytest.mark.parametrize(("error", "number", "words"), REFUSALS)
def test_a_refusal_names_the_audience_it_is_of(place, error, number, words):
    signer = place.signer(client_secret="CLIENT~SECRET+1")
    signer.token()
    place.entra.answers = [(400, refused(error, number, "Some {words}."))]
    with pytest.raises((AccessError, SettingsError), match=words) as caught:
        signer.token("graph")
    assert "Partner Center" not in str(caught.value)
    assert signer.token() == "ACCESS-1-SECRET"


def test_each_audience_is_renewed_in_its_own_time(place):
    signer = place.signer(client_secret="CLIENT~SECRET+1")
    signer.token()
    place.now += 3000
    signer.token("graph")
    place.now += 500
    assert signer.token() == "ACCESS-3-SECRET"
    assert signer.token("graph") == "ACCESS-2-SECRET"


def test_a_401_renews_the_token_of_that_audience_alone(place):
    signer = place.signer(client_secret="CLIENT~SECRET+1")
    first, graph = signer.token(), signer.token("graph")
    assert signer.renew(graph, "graph") == "ACCESS-3-SECRET"
    assert signer.renew(graph, "graph") == "ACCESS-3-SECRET"  # somebody else's 401
    assert signer.token() == first


def test_signing_out_forgets_the_tokens_of_both(place):
    signer = place.signer(client_secret="CLIENT~SECRET+1")
    signer.token(), signer.token("graph")
    assert signer.sign_out()
    assert (signer.held(), signer.held("graph")) == (None, None)


def test_a_graph_token_of_another_tenant_is_refused(place):
    signer = place.signer(client_secret="CLIENT~SECRET+1")
    body = {"access_token": jwt(tid=OTHER_TENANT), "expires_in": 3600}
    place.entra.answers = [(200, body)]
    with pytest.raises(SettingsError, match="another tenant"):
        signer.token("graph")
    assert signer.held("graph") is None


def test_a_graph_token_that_is_given_comes_before_the_apps(place):
    signer = place.signer(client_secret="CLIENT~SECRET+1", graph_token="Bearer T0KEN-graph")
    assert (signer.token("graph"), signer.token()) == ("T0KEN-graph", "ACCESS-1-SECRET")
    assert {"T0KEN-graph", "CLIENT~SECRET+1"} <= set(signer.secrets())
    assert signer.renew(Secret("T0KEN-graph"), "graph") is None


def test_a_graph_token_of_another_tenant_than_the_apps_token_is_refused(place):
    """The tenant is set as a domain, which says nothing; the app's token says which it is."""
    given = {"tenant_id": DOMAIN, "client_secret": "CLIENT~SECRET+1"}
    theirs = jwt(tid=OTHER_TENANT)
    signer = place.signer(**given, graph_token=theirs)
    place.entra.answers = [(200, {"access_token": jwt(tid=TENANT), "expires_in": 3600})]
    for audience in ("partner_center", "graph"):
        with pytest.raises(SettingsError, match="graph_token is of another tenant than token"):
            signer.token(audience)
    signer = place.signer(**given, graph_token=jwt(tid=TENANT))
    place.entra.answers = [(200, {"access_token": jwt(tid=TENANT), "expires_in": 3600})]
    assert signer.token()
    assert signer.token("graph")


# A token given as is.


def test_given_tokens_serve_one_audience_each():
    signer = signer_for(settings_of(token="T0KEN-pc", graph_token="T0KEN-graph"))
    assert (signer.token(), signer.token("graph")) == ("T0KEN-pc", "T0KEN-graph")
    assert set(signer.secrets()) == {"T0KEN-pc", "T0KEN-graph"}
    assert repr(signer) == "Signer(token)"


GIVEN = [{"token": "T0KEN-pc"}, {"token": lambda: "T0KEN-pc", "tenant_id": TENANT}]


@pytest.mark.parametrize("given", GIVEN)
def test_without_a_token_for_graph_the_error_names_graph_token(given):
    signer = signer_for(settings_of(**given))
    with pytest.raises(SettingsError, match=r"INVOICEKIT_GRAPH_TOKEN.*PartnerBilling\.Read\.All"):
        signer.token("graph")
    assert signer.held("graph") is None


NOT_ASKED = [
    ({"cloud": "usgov"}, "cloud usgov has no billing on Microsoft Graph"),
    ({"cloud": "china", "graph_url": "https://graph.example"}, "cloud china has no billing"),
    ({"base_url": "https://a.example"}, "set graph_url"),
    ({"base_url": "https://a.example", "graph_token": "T0KEN"}, "set graph_url"),
]


@pytest.mark.parametrize(("given", "words"), NOT_ASKED)
def test_where_graph_is_not_asked_no_token_is_given_for_it(given, words):
    signer = signer_for(settings_of(token="T0KEN-pc", **given))
    with pytest.raises(SettingsError, match=words):
        signer.token("graph")


# A function, and a credential.


class AccessToken(NamedTuple):
    """As azure-identity gives them."""

    token: str
    expires_on: int = 0


class Bank:
    """A credential that counts what it is asked; its repr and errors tell what they should not."""

    def __init__(self, give=None):
        self.asked, self.give = [], give

    def get_token(self, scope):
        self.asked.append(scope)
        if self.give:
            return self.give(scope)
        audience = "graph" if "graph" in scope else "pc"
        return AccessToken(f"T0KEN-{audience}-{len(self.asked)}", int(time.time()) + 3600)

    def __repr__(self):
        return "Bank(S3CRET)"


def test_a_credential_serves_both_audiences_and_is_asked_once_for_each():
    bank = Bank()
    signer = signer_for(settings_of(credential=bank, tenant_id=TENANT))
    for _ in range(3):
        assert (signer.token(), signer.token("graph")) == ("T0KEN-pc-1", "T0KEN-graph-2")
    assert bank.asked == [PC_SCOPE, GRAPH_SCOPE]
    assert signer.kind == "credential"
    assert signer.renew(signer.token("graph"), "graph") == "T0KEN-graph-3"


def test_a_token_that_is_about_to_end_is_asked_for_again():
    ends = iter([time.time() + 200, time.time() + 4000])
    bank = Bank(lambda _: AccessToken(f"T0KEN-{len(bank.asked)}", int(next(ends))))
    signer = signer_for(settings_of(credential=bank, tenant_id=TENANT))
    assert signer.token() == "T0KEN-1"  # 200 s: half its life is left
    signer._signers["partner_center"]._clock = lambda: time.time() + 150
    assert signer.token() == signer.token() == "T0KEN-2"


def test_a_function_is_asked_before_its_token_ends_and_each_time_where_it_does_not_say():
    asked = []

    def give(**claims):
        asked.append(1)
        return jwt(n=len(asked), **claims) if claims else f"T0KEN-{len(asked)}"

    for claims, times in (({"exp": time.time() + 3000}, 1), ({}, 3)):
        asked.clear()
        function = functools.partial(give, **claims)
        signer = signer_for(settings_of(token=function, tenant_id=TENANT))
        for _ in range(3):
            signer.token()
        assert len(asked) == times
    assert signer.kind == "token function"


def test_the_same_token_again_is_no_renewal():
    signer = signer_for(settings_of(token=lambda: "T0KEN", tenant_id=TENANT))
    assert signer.renew(signer.token()) is None


def test_who_gives_tokens_is_asked_once_for_tenant_and_user():
    token = jwt(tid=TENANT, oid="ida", exp=time.time() + 3000)
    bank = Bank(lambda _: AccessToken(token))
    settings = settings_of(credential=bank)
    assert (settings.tenant_id, bank.asked) == ("", [])
    found = identified(settings)
    assert (found.tenant_id, found.who) == (TENANT, "ida")
    assert signer_for(found).token() == token
    assert bank.asked == [PC_SCOPE]
    assert identified(settings_of(token="T0KEN")).token == "T0KEN"


def test_a_tenant_that_is_not_the_tokens_is_refused_before_anything_is_asked():
    bank = Bank(lambda _: AccessToken(jwt(tid=OTHER_TENANT)))
    with pytest.raises(SettingsError, match="another tenant"):
        identified(settings_of(credential=bank, tenant_id=TENANT))


def test_graphs_token_of_a_function_is_of_the_same_tenant():
    given = {"token": jwt(tid=TENANT), "tenant_id": "partner.example"}
    signer = signer_for(settings_of(**given, graph_token=lambda: jwt(tid=OTHER_TENANT)))
    with pytest.raises(SettingsError, match="two partners"):
        signer.token("graph")


def test_a_credential_that_gives_tokens_of_two_tenants_is_refused():
    def mixed(scope):
        return AccessToken(jwt(tid=TENANT if scope == PC_SCOPE else OTHER_TENANT))

    signer = signer_for(identified(settings_of(credential=Bank(mixed), tenant_id=DOMAIN)))
    signer.token()
    with pytest.raises(SettingsError, match="two partners"):
        signer.token("graph")


@pytest.mark.parametrize("way", ["credential", "token"])
def test_who_signs_in_to_another_tenant_meanwhile_gets_another_client(serve, tmp_path, way):
    """`az login` in another window; the domain that was named may be anybody's."""
    texts = [jwt(tid=TENANT, oid="one"), *[jwt(tid=OTHER_TENANT, oid="two")] * 9]
    ways = {
        "credential": Bank(lambda _: AccessToken(texts.pop(0))),
        "token": lambda: texts.pop(0),
    }
    service = serve(lambda _: Reply(b"{}", 401))
    kept = {"cache_dir": tmp_path, "tenant_id": "partner.example", "base_url": service.url}
    with (
        ik.connect(**{way: ways[way]}, **kept) as client,
        pytest.raises(SettingsError, match=r"another tenant.*Make another client"),
    ):
        client.invoices()
    assert len(service.asked) <= 1


def test_offline_nobody_is_asked():
    bank = Bank()
    settings = settings_of(credential=bank, offline=True, tenant_id=TENANT)
    assert identified(settings) is settings
    assert bank.asked == []
    with pytest.raises(SettingsError, match="tenant_id is missing"):
        settings_of(credential=bank, offline=True)


@pytest.mark.parametrize("audience", ["partner_center", "graph"])
def test_offline_nobody_is_signed_in_whatever_is_asked(place, tmp_path, audience):
    bank = Bank()
    ours = signer_for(settings_of(credential=bank, offline=True, tenant_id=TENANT))
    for signer in (place.signer(client_secret="S3CRET", offline=True), ours):
        for ask in (signer.token, lambda one, signer=signer: signer.renew(audience=one)):
            with pytest.raises(FetchError, match="client is offline"):
                ask(audience)
    assert (place.entra.paths, bank.asked) == ([], [])
    given = {"client_id": "app", "client_secret": "S3CRET", "tenant_id": TENANT}
    with ik.connect(**given, offline=True, cache_dir=tmp_path) as client:
        found = {row["topic"]: row["says"] for row in client.doctor(ask=True).rows()}
    assert "the client is offline" in found["sign-in works"]


@pytest.mark.parametrize("text", ["Bearer T0KEN", " T0KEN\n", "T0KEN", Secret("T0KEN")])
def test_what_is_around_a_token_is_no_part_of_it(text):
    for given in ({"token": lambda: text}, {"credential": Bank(lambda _: AccessToken(text))}):
        signer = signer_for(settings_of(**given, tenant_id=TENANT))
        assert signer.token() == "T0KEN"


async def coroutine():
    return "S3CRET"


NO_TOKENS = [
    (lambda: "S3CRET\r\nX-Evil: 1", SettingsError, "holds characters"),
    (lambda: "S3CRET\nT0KEN", SettingsError, "holds characters"),
    (lambda: "S3CRÈT", SettingsError, "holds characters"),
    (lambda: "", SettingsError, "an empty text"),
    (lambda: "Bearer ", SettingsError, "gave no token"),
    (lambda: None, SettingsError, "gave no token: NoneType"),
    (lambda: b"S3CRET", SettingsError, "gave no token: bytes"),
    (coroutine, SettingsError, "is async"),
]


@pytest.mark.parametrize(("give", "kind", "words"), NO_TOKENS)
@pytest.mark.parametrize("name", ["token", "graph_token", "credential"])
def test_what_is_no_token_is_refused_and_not_shown(name, give, kind, words):
    given = {"token": "T0KEN", name: give} if name != "credential" else {}
    if name == "credential":
        given = {"credential": Bank(lambda _: give() if give is coroutine else AccessToken(give()))}
    signer = signer_for(settings_of(**given, tenant_id=TENANT))
    with pytest.raises(kind, match=words) as caught:
        signer.token("graph" if name == "graph_token" else "partner_center")
    assert name in str(caught.value)
    assert "S3CR" not in str(caught.value)


@pytest.mark.parametrize("name", ["token", "graph_token", "credential"])
def test_what_a_function_raises_is_told_without_its_words(name):
    def fail(_=None):
        password = "S3CRET"
        raise RuntimeError(f"no luck with {password}")

    given = {"token": "T0KEN", name: fail} if name != "credential" else {"credential": Bank(fail)}
    signer = signer_for(settings_of(**given, tenant_id=TENANT))
    with pytest.raises(FetchError, match=f"{name}.* raised RuntimeError") as caught:
        signer.token("graph" if name == "graph_token" else "partner_center")
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


class Odd:
    """What a credential gives, and should not."""

    @property
    def token(self):
        raise RuntimeError("S3CRET")


def test_a_token_that_cannot_be_read_is_told_without_its_words():
    signer = signer_for(settings_of(credential=Bank(lambda _: Odd()), tenant_id=TENANT))
    with pytest.raises(FetchError, match=r"credential raised RuntimeError"):
        signer.token("graph")


def test_an_interrupt_in_a_function_goes_through_without_its_frames():
    def interrupted():
        secret = "S3CRET"
        raise KeyboardInterrupt(f"in the middle of {len(secret)}")

    signer = signer_for(settings_of(token=interrupted, tenant_id=TENANT))
    with pytest.raises(KeyboardInterrupt):
        signer.token()


def test_what_gives_tokens_is_not_shown():
    settings = settings_of(
        token=functools.partial(str, "S3CRET"),
        graph_token=functools.partial(str, "S3CRET"),
        tenant_id=TENANT,
    )
    signer = signer_for(settings)
    signer.token(), signer.token("graph")
    shown = [settings, signer, vars(signer), *map(vars, signer._signers.values())]
    shown += [settings_of(credential=Bank()), vars(signer_for(settings_of(credential=Bank())))]
    assert "S3CRET" not in repr(shown)
    assert settings != settings_of(token=functools.partial(str, "S3CRET"), tenant_id=TENANT)


# Through `connect`.


class Signed(Bank):
    """A credential of a user of the partner."""

    def __init__(self, user):
        super().__init__(
            lambda _: AccessToken(jwt(tid=TENANT, oid=user, n=len(self.asked)), 4 * 10**9)
        )


def test_a_credential_is_asked_once_for_the_cache_and_signs_what_is_asked(serve, tmp_path):
    service = serve(lambda _: invoice().encode())
    given = {"base_url": service.url, "graph_url": service.url, "cache_dir": tmp_path}
    ida = Signed("ida")
    with ik.connect(credential=ida, **given) as client:
        assert client.settings.tenant_id == TENANT
        client.invoice("G1")
        client.invoice("G1", refresh=True)
        assert len(list(tmp_path.iterdir())) == 1
        assert client._session.signer.token("graph") != client._session.signer.token()
    assert ida.asked == [PC_SCOPE, PC_SCOPE, GRAPH_SCOPE]
    first = service.asked[0].headers["authorization"]
    assert claims_of(first.removeprefix("Bearer "))["oid"] == "ida"
    with ik.connect(credential=Signed("bob"), **given) as client:  # another user: another folder
        client.invoice("G1")
    assert len(service.asked) == 3
    with ik.connect(credential=Signed("ida"), **given) as client:
        client.invoice("G1")
    assert len(service.asked) == 3
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert first.removeprefix("Bearer ").encode() not in kept


def test_a_function_whose_token_is_refused_is_called_again(serve, tmp_path):
    def answer(asked):
        good = asked.headers["authorization"] == "Bearer T0KEN-3"
        return invoice().encode() if good else Reply(b"{}", 401)

    service, given = serve(answer), iter(f"T0KEN-{number}" for number in range(1, 9))
    function = functools.partial(next, given)
    with ik.connect(
        token=function, tenant_id=TENANT, client_id="app", base_url=service.url, cache_dir=tmp_path
    ) as client:
        assert client.invoice("G1").id == "G1"
    shown = [asked.headers["authorization"] for asked in service.asked]
    assert shown == ["Bearer T0KEN-2", "Bearer T0KEN-3"]  # the first was for the cache


def test_offline_a_credential_is_not_asked(serve, tmp_path):
    service = serve(lambda _: invoice().encode())
    given = {"base_url": service.url, "cache_dir": tmp_path}
    with ik.connect(credential=Signed("ida"), **given) as client:
        client.invoice("G1")
    ida = Signed("ida")
    with ik.connect(credential=ida, tenant_id=TENANT, offline=True, **given) as client:
        assert client.invoice("G1").id == "G1"
    assert ida.asked == []


def test_a_function_that_fails_fails_connect_without_a_secret():
    def fail():
        raise OSError("S3CRET")

    with pytest.raises(FetchError, match="token raised OSError"):
        ik.connect(token=fail)

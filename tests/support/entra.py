"""A Microsoft Entra of our own: HTTPS on loopback, with a certificate made for the occasion."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import json
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from invoicekit.auth.entra import SignInEnvironment
from invoicekit.auth.signers import signer_for
from invoicekit.clouds import Cloud
from invoicekit.settings import read_settings
from support.server import Reply, Service

TENANT = "11111111-2222-3333-4444-555555555555"
DOMAIN = "partner.example"  # a name of the same tenant
USER = "ida@partner.example"
RESOURCE = "https://api.partnercenter.example"
GRAPH = "https://graph.example"


def jwt(**claims):
    """An unsigned token with these claims."""
    parts = ({"alg": "none"}, claims)
    coded = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts]
    return ".".join((*coded, "c2lnbmF0dXJl"))


def make_certificate(folder, key=None, name="127.0.0.1", password=None, host="localhost"):
    """The paths of a self-signed certificate and its key, both in PEM."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName(host)]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password.encode())
            if password
            else serialization.NoEncryption(),
        )
    )
    return files


def app_certificate(folder, password=None):
    """The path of one PEM file with an RSA key and its certificate, as partners have it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (folder / "app").mkdir(exist_ok=True)
    files = make_certificate(folder / "app", key, "invoicekit test app", password)
    both = folder / "app.pem"
    both.write_bytes(files[1].read_bytes() + files[0].read_bytes())
    both.chmod(0o600)
    return both


@dataclass
class Entra:
    """What the server does next, and what it was asked."""

    expires_in: int = 3600
    spent: set = field(default_factory=set)  # refresh tokens that it takes no more
    pending: int = 1  # polls before the person has entered the code
    answers: list = field(default_factory=list)  # (status, body) to give instead, first come
    forms: list = field(default_factory=list)  # every form that came, with the path's last part
    paths: list = field(default_factory=list)
    issued: list = field(default_factory=list)
    signed: list = field(default_factory=list)  # the Authorization headers that came, if any
    delay: float = 0.0
    user: str = USER  # who signs in next

    def grants(self):
        return [form["grant_type"] for form in self.forms if "grant_type" in form]

    def answer(self, path, form):
        """Status and body."""
        self.paths.append(path)
        tenant, last = path.split("/")[1], path.split("/")[-1]
        if last == "openid-configuration":
            if tenant not in {TENANT, DOMAIN}:
                return 400, {"error": "invalid_tenant", "error_description": "AADSTS90002: none."}
            root = f"{self.url}/{TENANT}/oauth2/v2.0"
            return 200, {
                "issuer": f"{self.url}/{TENANT}/v2.0",
                "authorization_endpoint": f"{root}/authorize",
                "token_endpoint": f"{root}/token",
                "device_authorization_endpoint": f"{root}/devicecode",
            }
        self.forms.append(form)
        if self.delay:
            threading.Event().wait(self.delay)
        if self.answers:
            return self.answers.pop(0)
        if last == "devicecode":
            return 200, {
                "device_code": "DEVICE-CODE-SECRET",
                "user_code": "ABC123",
                "verification_uri": "https://microsoft.com/devicelogin",
                "message": "Open https://microsoft.com/devicelogin\x1b[2J\nand enter ABC123",
                "expires_in": 900,
                "interval": 0,
            }
        return self.token(form)

    def token(self, form):
        grant = form["grant_type"]
        if grant == "refresh_token" and form["refresh_token"] in self.spent:
            return 400, refused("invalid_grant", 700082, "The refresh token has expired.")
        if grant.endswith("device_code") and self.pending:
            self.pending -= 1
            return 400, refused("authorization_pending", 70016, "Not yet.")
        number = len(self.issued) + 1
        tokens = {"access_token": f"ACCESS-{number}-SECRET", "expires_in": self.expires_in}
        if grant != "client_credentials":
            tokens |= {
                "refresh_token": f"REFRESH-{number}-SECRET",
                "id_token": jwt(
                    sub="u",
                    tid=TENANT,
                    name="Ida Token-Secret" if self.user else "",
                    preferred_username=self.user,
                    aud=form["client_id"],
                    iss=f"{self.url}/{TENANT}/v2.0",
                    iat=int(time.time()),
                    exp=int(time.time()) + 3600,
                ),
                "client_info": base64.urlsafe_b64encode(b'{"uid":"u","utid":"t"}').decode(),
                "scope": form.get("scope", f"{RESOURCE}/user_impersonation"),
            }
        self.issued.append(tokens)
        return 200, {"token_type": "Bearer", "ext_expires_in": self.expires_in} | tokens


def refused(error, number, words):
    """An error as Entra words it."""
    return {
        "error": error,
        "error_description": f"AADSTS{number}: {words} Trace ID: t-1 Correlation ID: c-1 "
        "Timestamp: 2026-01-01 00:00:00Z",
        "error_codes": [number],
        "trace_id": "t-1",
        "correlation_id": "c-1",
    }


def serve(entra, folder):
    """Serve `entra`; returns the server to close, a `Cloud` that names it, and how to reach it."""
    files = make_certificate(folder)

    def answer(asked):
        if "authorization" in asked.headers:
            entra.signed.append(asked.headers["authorization"])
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        status, body = entra.answer(asked.target.partition("?")[0], form)
        headers = {"Location": "https://evil.example/"} if status in (302, 307) else {}
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Reply(raw, status, headers)

    server = Service(answer, tls=files)
    entra.url = server.url
    host = server.url.removeprefix("https://")
    cloud = Cloud(RESOURCE, host, {"partner_center": RESOURCE, "graph": GRAPH}, GRAPH)
    return server, cloud, str(files[0])


def session_trusting(certificate):
    """A plain session that knows our certificate and no proxy."""
    http = requests.Session()
    http.trust_env = False
    http.verify = certificate
    return http


class Place:
    """An Entra, and what signs in there; storage is a plain file here, where no keyring is."""

    def __init__(self, folder):
        from msal_extensions import (
            FilePersistence,  # it loads msal, and some tests want it unloaded
        )

        self.entra, self.said, self.now, self.folder = Entra(), [], time.time(), folder
        self.server, self.cloud, self.certificate = serve(self.entra, folder)
        self.world = SignInEnvironment(
            clouds={"global": self.cloud},
            open_http=lambda: session_trusting(self.certificate),
            open_storage=lambda name: FilePersistence(str(folder / "kept" / name)),
            say=self.said.append,
            clock=lambda: self.now,
        )

    def signer(self, **given):
        given = {"tenant_id": TENANT, "client_id": "app-id", **given}
        return signer_for(read_settings(given, environ={}), self.world)

    def kept(self):
        return "".join(file.read_text() for file in (self.folder / "kept").glob("*"))

"""The certificate that an app signs in with, as msal wants it."""

from __future__ import annotations

import re
from pathlib import Path

from invoicekit.errors import SettingsError

CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
KEY = re.compile(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.+?-----END \1PRIVATE KEY-----", re.DOTALL)


def read_certificate(path: Path) -> dict[str, str]:
    """Private key and certificate of the PEM file at `path`, which fit one another.

    Raises:
        SettingsError: it cannot be read, lacks one of them, or holds another kind of key.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as cause:
        raise SettingsError(
            f"client_certificate {path} cannot be read: {cause.strerror}"
        ) from cause
    except ValueError:
        text = ""  # no text, so no PEM
    key, certificate = KEY.search(text), CERTIFICATE.search(text)
    if not key or not certificate:
        raise SettingsError(
            f"client_certificate {path} has to hold both the private key and the certificate, in "
            "PEM (BEGIN PRIVATE KEY and BEGIN CERTIFICATE)"
        )
    try:
        private = load_pem_private_key(key[0].encode(), password=None)
        public = x509.load_pem_x509_certificate(certificate[0].encode()).public_key()
    except (TypeError, ValueError):  # their text may quote the key, so the cause is left out
        raise SettingsError(
            f"client_certificate {path} cannot be used: the key is encrypted, or damaged"
        ) from None
    if not isinstance(private, RSAPrivateKey) or private.public_key() != public:
        raise SettingsError(
            f"client_certificate {path} holds a key that is not RSA, or of another certificate"
        )
    return {"private_key": key[0], "public_certificate": certificate[0]}

"""The certificate that an app signs in with, as msal wants it."""

from __future__ import annotations

import os
import re
import stat

from invoicekit.errors import SettingsError, warn
from invoicekit.secret import Secret
from invoicekit.setting_values import home_of

CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
KEY = re.compile(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.+?-----END \1PRIVATE KEY-----", re.DOTALL)
PEM = "-----BEGIN"
# A value that ends like this is the name of a file, and may be shown; any other may be a secret.
FILE = re.compile(r"[^\x00-\x1f]{1,250}\.(pem|key|crt|cer|pfx|p12)", re.IGNORECASE)


def read_certificate(said: Secret, password: Secret) -> dict[str, str]:
    r"""Private key and certificate, which fit one another, as msal takes them.

    Args:
        said: the path of a PEM file, or its text, line ends as such or written `\n`.
        password: of the key, where it is encrypted.

    Raises:
        SettingsError: it cannot be read, lacks one of them, or holds another kind of key.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if PEM in said.reveal():
        name, text = "client_certificate", said.reveal().replace("\\r", "").replace("\\n", "\n")
    else:
        name, text = _read(said.reveal())
    key, certificate = KEY.search(text), CERTIFICATE.search(text)
    if not key or not certificate:
        raise SettingsError(
            f"{name} has to hold both the private key and the certificate, in PEM (BEGIN PRIVATE "
            "KEY and BEGIN CERTIFICATE)"
        )
    private, encrypted = _key(name, key[0].encode(), password.reveal().encode())
    try:
        public = x509.load_pem_x509_certificate(certificate[0].encode()).public_key()
    except ValueError:
        raise SettingsError(f"{name} cannot be used: the certificate is damaged") from None
    if not isinstance(private, RSAPrivateKey) or private.public_key() != public:
        raise SettingsError(f"{name} holds a key that is not RSA, or of another certificate")
    found = {"private_key": key[0], "public_certificate": certificate[0]}
    return found | ({"passphrase": password.reveal()} if encrypted else {})


def _read(path: str) -> tuple[str, str]:
    """How to call the file at `path`, and its text; what may be no path is not shown."""
    name = f"client_certificate {path}" if FILE.fullmatch(path) else "client_certificate"
    try:
        with home_of("client_certificate", path).open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read()
    except OSError as cause:
        raise SettingsError(f"{name} cannot be read: {cause.strerror}") from None
    except ValueError:  # no text, so no PEM
        return name, ""
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077 and KEY.search(text):
        warn(
            f"{name} holds a private key, and others on this machine may read or change the file; "
            "chmod 600 keeps them out"
        )
    return name, text


def _key(name: str, pem: bytes, password: bytes) -> tuple[object, bool]:
    """The private key, and whether it is encrypted."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(pem, password=None), False
    except TypeError:  # it is encrypted
        pass
    except (
        ValueError,
        UnsupportedAlgorithm,
    ):  # their text may quote the key, so the cause is left out
        raise SettingsError(f"{name} cannot be used: the private key is damaged") from None
    if not password:
        raise SettingsError(
            f"{name} cannot be used: the private key is encrypted; set client_certificate_password"
        )
    try:
        return load_pem_private_key(pem, password=password), True
    except (TypeError, ValueError, UnsupportedAlgorithm):
        raise SettingsError(
            f"{name} cannot be used: client_certificate_password does not open the private key, "
            "or the key is damaged"
        ) from None

"""How we speak HTTP with Microsoft Entra: the transport that msal is given.

It learns every secret that passes before anybody can print it, and turns what is no answer into
an error of ours, so that msal never sees (and never logs) a body that it cannot read.
"""

from __future__ import annotations

import json
import logging
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import requests
from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from invoicekit.errors import FetchError, SettingsError
from invoicekit.secret import Secret, unlogged

TIMEOUT = (10, 30)  # seconds to connect, and to the first byte
NO_TENANT = frozenset({400, 404})  # how the address of a tenant that does not exist answers
SECRETS = (
    "access_token",
    "client_assertion",
    "client_secret",
    "code",
    "device_code",
    "id_token",
    "refresh_token",
)
LOGGERS = frozenset({"msal", "msal_extensions"})
# A tenant that Entra does not know is shown where it looks like an id or a domain: else it may be
# a secret in the wrong place.
SHOWN = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-z-]+(\.[0-9a-z-]+)+", re.IGNORECASE
)


def unsigned(request: PreparedRequest) -> PreparedRequest:
    """`request` as it is: keeps requests from signing it with what it finds in a netrc file."""
    return request


def tellable(cause: Exception) -> Exception | None:
    """`cause`, if it may be told: of a proxy's address that is none, its words are that address.

    There may be a password in it. What we ask is looked at before.
    """
    return None if isinstance(cause, requests.exceptions.InvalidURL) else cause


def open_http() -> requests.Session:
    """A session that retries 5xx and broken connections twice; asking Entra again is harmless."""
    http = requests.Session()
    http.auth = unsigned
    again = Retry(
        total=2,
        backoff_factor=0.5,
        status_forcelist=(500, 502, 503, 504),
        allowed_methods=None,
        raise_on_status=False,
        respect_retry_after_header=False,  # it may say an hour, and a person waits
    )
    http.mount("https://", HTTPAdapter(max_retries=again))
    return http


class EntraHttp:
    """What msal takes for an HTTP client. `learn` is told each secret that is sent or received."""

    def __init__(self, http: requests.Session, learn: Callable[[Secret], None]) -> None:
        self._http = http
        self._learn = learn

    def get(self, url: str, **options: Any) -> requests.Response:  # noqa: ANN401  # msal's own
        """The answer to a GET: the addresses of a tenant.

        Raises:
            SettingsError: there is no such tenant.
            FetchError: no answer, or none that can be read.
        """
        return self._answer("GET", url, options)

    def post(self, url: str, **options: Any) -> requests.Response:  # noqa: ANN401
        """The answer to a POST: tokens, or the reason why there are none.

        Raises:
            FetchError: no answer, or none that can be read.
        """
        return self._answer("POST", url, options)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _answer(self, method: str, url: str, options: Mapping[str, Any]) -> requests.Response:
        asked = {name: options.get(name) for name in ("params", "data", "headers")}
        self._learn_from(asked["data"])
        host = urlsplit(url).hostname
        try:
            response = self._http.request(
                method, url, timeout=TIMEOUT, allow_redirects=False, **asked
            )
        except requests.RequestException as cause:
            raise FetchError(
                f"could not sign in: no connection to {host}, or it was cut. Check the network, a "
                "proxy, and whether its certificates are trusted here",
                url=url,
                hint="check the network",
            ) from tellable(cause)
        if method == "GET" and response.status_code in NO_TENANT:
            tenant = urlsplit(url).path.split("/")[1]
            named = f" {tenant}" if SHOWN.fullmatch(tenant) else " of that name"
            raise SettingsError(
                f"could not sign in: {host} knows no tenant{named}. Check tenant_id, and cloud"
            )
        response.encoding = "utf-8"  # else it would be guessed from the body
        try:
            self._learn_from(json.loads(response.text))
        except (ValueError, RecursionError):
            readable = False
        else:
            readable = method == "POST" or response.ok
        if response.status_code >= requests.codes.server_error or not readable:
            raise FetchError(
                f"could not sign in: {host} answered {response.status_code} and nothing that can "
                "be read. Try again; if it stays so, a proxy may stand between",
                status=response.status_code,
                url=url,
                hint="try again later",
            )
        return response

    def _learn_from(self, fields: object) -> None:
        for name in SECRETS if isinstance(fields, Mapping) else ():
            secret = fields.get(name)  # type: ignore[attr-defined]
            if secret:
                self._learn(Secret(secret.decode() if isinstance(secret, bytes) else str(secret)))


@contextmanager
def muted() -> Iterator[None]:
    """A block in which msal logs nothing from this thread.

    At DEBUG it writes down what it sends and receives, less the fields that it knows to be secret
    (not the device code), and at ERROR whole answers that it cannot read. Our errors tell what is
    to be told.
    """
    with unlogged(_modules() | {n for n in tuple(logging.root.manager.loggerDict) if _is_muted(n)}):
        yield


@cache
def _modules() -> frozenset[str]:
    """All modules of msal: loggers bear their names, and some are made in the first sign-in."""
    found = set(LOGGERS)
    for package in map(import_module, LOGGERS):
        prefix = f"{package.__name__}."
        found |= {module.name for module in pkgutil.walk_packages(package.__path__, prefix)}
    return frozenset(found)


def _is_muted(name: str) -> bool:
    return name.partition(".")[0] in LOGGERS

"""Sends requests to addresses that are secret, such as those with a SAS token.

Whoever has one can read what lies there. So it reaches no log, no error and no frame of others that
an error shows: `requests` and urllib3 are given the host alone, and the rest takes its place when
the connection writes the request line.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter

from invoicekit.fetch.deadline import bounded
from invoicekit.secret import Secret

_here = threading.local()


class ConcealingAdapter(HTTPAdapter):
    """Sends requests to a host alone; `sending` has the path and query that they are for."""

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401
        """The connections to a host, or to the proxy on the way."""
        pool = super().get_connection_with_tls_context(*args, **options)
        pool.ConnectionCls = _concealing(pool.ConnectionCls)  # type: ignore[attr-defined]
        return pool


@functools.cache
def _concealing(connection: Any) -> Any:  # noqa: ANN401 (a class of connections)
    if issubclass(connection, _Aside):
        return connection
    return type(connection.__name__, (_Aside, bounded(connection)), {})


class _Aside:
    """A connection that asks for the path and query of `sending`, in place of the request's."""

    def putrequest(self, method: str, url: str, *args: Any, **options: Any) -> None:  # noqa: ANN401
        """Write the request line."""
        target: Secret | None = getattr(_here, "target", None)
        super().putrequest(method, target.reveal() if target else url, *args, **options)  # type: ignore[misc]


@contextmanager
def sending(target: Secret) -> Iterator[None]:
    """A block in which this thread asks for that path and query."""
    _here.target = target
    try:
        yield
    finally:
        _here.target = None


def split(url: Secret) -> tuple[str, Secret]:
    """An address as its host, which may be seen, and the rest."""
    parts = urlsplit(url.reveal())
    return f"{parts.scheme}://{parts.netloc}/", Secret(f"{parts.path or '/'}?{parts.query}")

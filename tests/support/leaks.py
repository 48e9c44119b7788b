"""Looks at every error that a test expects: no secret of the tests may show in it.

What would print it: a traceback with local variables (rich, `%xmode Verbose`, `pytest -l`, error
reporters), and what hangs on an error or on anything in its chain. Frames of the tests themselves
and of pytest do not count: the secrets are theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from invoicekit.settings import Settings
from support.paths import TESTS
from support.server import TOKEN

NOT_LOOKED_AT = (str(TESTS), "_pytest", "pluggy", "<frozen")
# The secrets that tests make up without a setting; those of settings are learnt as they are made.
WORDS = re.compile(
    r"S3CR[\w~-]*|T0KEN|R3FRESH|P4SSW\w*|[A-Z]+-\d-SECRET|DEVICE-CODE-SECRET|NEW-CONSENT|"
    r"-----BEGIN[A-Z ]* PRIVATE KEY|Bearer [\w-]"
)
LONG_ENOUGH = 8  # a token called "t" is in every word

known = {TOKEN}


def learn(settings: Settings) -> None:
    texts = (settings.token, settings.graph_token, settings.client_secret, settings.refresh_token)
    texts = [secret.reveal() for secret in texts]
    texts.append(settings.client_certificate_password.reveal())
    known.update(text for text in texts if len(text) >= LONG_ENOUGH)


def leaks_of(error: BaseException) -> Iterator[str]:
    """Each place where the error, or one that led to it, shows a secret."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        waiting += [one.__cause__, one.__context__, *one.args, *vars(one).values()]
        name = type(one).__name__
        for what, value in {"itself": one, "args": one.args, **vars(one)}.items():
            yield from _shown(value, f"{name}: {what}")
        trace = one.__traceback__
        while trace is not None:
            frame, trace = trace.tb_frame, trace.tb_next
            file = frame.f_code.co_filename
            if any(part in file for part in NOT_LOOKED_AT):
                continue
            for local, value in frame.f_locals.items():
                where = f"{name}: {local} in {frame.f_code.co_name}() of {Path(file).name}"
                yield from _shown(value, where)


def _shown(value: object, where: str) -> Iterator[str]:
    texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else _text(value)]
    for name in ("headers", "request", "response"):  # what a debugger opens next
        inner = getattr(value, name, None)
        if inner is not None and not isinstance(value, (bytes, str)):
            texts += [_text(inner), _text(getattr(inner, "headers", ""))]
    for text in texts:
        if WORDS.search(text) or any(secret in text for secret in known):
            yield f"{where}: {text[:200]}"
            return


def _text(value: object) -> str:
    try:
        return f"{value!r} {value}" if isinstance(value, BaseException) else repr(value)
    except Exception as broken:  # noqa: BLE001 (a repr that fails shows nothing)
        return type(broken).__name__


def watch() -> None:
    """Look at whatever goes through `pytest.raises` from now on, and at the settings made."""
    raises = type(pytest.raises(AssertionError))
    leave, make = raises.__exit__, Settings.__init__

    def look(self, kind, error, trace):
        __tracebackhide__ = True
        caught = leave(self, kind, error, trace)
        if caught and error is not None:
            found = list(leaks_of(error))
            assert not found, "a secret shows in an expected error:\n" + "\n".join(found)
        return caught

    def made(self, *values, **fields):
        make(self, *values, **fields)
        learn(self)

    raises.__exit__ = look
    Settings.__init__ = made

"""Secrets that no print, log, debugger or pickle shows, and errors that hold none.

Notebooks, rich, pytest and error reporters print the local variables of every frame that an error
went through, and what hangs on the error. So a secret is a `Secret` wherever it waits, and where
others' code has worked with it in the clear, the error that comes back is scrubbed.
"""

from __future__ import annotations

import hmac
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any, Concatenate, NoReturn, ParamSpec, Protocol, Self, SupportsIndex, TypeVar


class Redacting(Protocol):
    """Whoever knows which secrets there are."""

    def redact(self, text: str) -> str:
        """`text` without them."""


T = TypeVar("T")
P = ParamSpec("P")
S = TypeVar("S", bound=Redacting)
PLAIN = (bool, int, float, type(None))


class Secret:
    """A text that does not show; `reveal()` gives it. False where there is none.

    >>> token = Secret("eyJ0eXAi")
    >>> print(token, repr(token), f"{token:>99}", [token])
    (secret) (secret) (secret) [(secret)]
    >>> token == Secret("eyJ0eXAi"), token == "eyJ0eXAi", bool(Secret())
    (True, True, False)
    """

    __slots__ = ("_text",)
    _text: str

    def __init__(self, text: str = "") -> None:
        object.__setattr__(self, "_text", text)

    def reveal(self) -> str:
        """The text itself: for the wire, never for a variable that outlives the call."""
        return self._text

    def __setattr__(self, name: str, _: object) -> NoReturn:
        raise AttributeError(f"a secret does not change: {name}")

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "(secret)" if self._text else "(none)"

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Secret):
            other = other._text
        if not isinstance(other, str):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other.encode())  # tells nothing by its time

    def __hash__(self) -> int:
        return hash(self._text)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:  # so `dataclasses.asdict` hands out a Secret
        return self

    def __reduce_ex__(self, _: SupportsIndex) -> NoReturn:
        raise TypeError("a secret is not pickled; make the client where it is used")


NO_SECRET = Secret()


class Hidden:
    """An object of somebody else's that does not show; `reveal()` gives it. False where none is.

    Functions and credentials that give tokens may show them in their own `repr`.

    >>> Hidden(partial(print, "eyJ0eXAi")), bool(Hidden())
    ((hidden), False)
    """

    __slots__ = ("_object",)

    def __init__(self, hidden: object = None) -> None:
        self._object = hidden

    def reveal(self) -> Any:  # noqa: ANN401  # whatever it is
        """The object itself."""
        return self._object

    def __bool__(self) -> bool:
        return self._object is not None

    def __repr__(self) -> str:
        return "(hidden)" if self else "(none)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hidden) and self._object is other._object

    def __hash__(self) -> int:
        return id(self._object)

    def __deepcopy__(self, _: object) -> Self:
        return self

    def __reduce_ex__(self, _: SupportsIndex) -> NoReturn:
        raise TypeError("what gives tokens is not pickled; make the client where it is used")


NOTHING_HIDDEN = Hidden()


def longest_first(secrets: Iterable[Secret]) -> tuple[Secret, ...]:
    """The secrets that are some, in the order to look for them in: one may begin with another."""
    found = {secret for secret in secrets if secret}
    return tuple(sorted(found, key=lambda secret: (-len(secret.reveal()), secret.reveal())))


@contextmanager
def unlogged(names: Iterable[str]) -> Iterator[None]:
    """A block in which the loggers of these names log nothing from this thread."""
    here = threading.get_ident()

    def elsewhere(_: logging.LogRecord) -> bool:
        return threading.get_ident() != here

    loggers = [logging.getLogger(name) for name in names]
    for logger in loggers:
        logger.addFilter(elsewhere)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(elsewhere)


def scrubbed(
    method: Callable[Concatenate[S, P], T],
) -> Callable[Concatenate[S, P], T]:
    """A method whose errors leave scrubbed, read by the `redact` of its object."""

    @wraps(method)
    def call(self: S, /, *values: P.args, **named: P.kwargs) -> T:
        return scrubbing(partial(method, self, *values, **named), self.redact)

    return call


def scrubbing(
    call: Callable[[], T],
    redact: Callable[[str], str] = str,
    kinds: tuple[type[BaseException], ...] = (BaseException,),  # an interrupt shows its frames too
) -> T:
    """What `call` returns; what it raises of these kinds leaves scrubbed, as `scrub` does it."""
    try:
        return call()
    except kinds as error:
        wrong = scrub(error, redact)
    try:
        raise wrong  # out here, so that it has no context
    finally:
        del wrong  # no circle of error, frame and error


def scrub(error: BaseException, redact: Callable[[str], str] = str) -> BaseException:
    """`error`, and all that led to it, without frames, requests, answers and connections.

    What is left of the foreign ones is their type and their words, which `redact` has read.
    """
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        one.__traceback__ = None
        if one.__suppress_context__:  # raised `from` another or none: what it hides goes too
            one.__context__ = None
        waiting += [one.__cause__, one.__context__, *one.args, *vars(one).values()]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
        if isinstance(one, UnicodeError):  # the whole body is in it
            _forget_object(one)
        one.args = tuple(_harmless(value, redact) for value in one.args)
        for name, value in vars(one).items():
            vars(one)[name] = value if name == "__notes__" else _harmless(value, redact)
    return error


def _harmless(value: object, redact: Callable[[str], str]) -> object:
    """`value` where it can be shown: numbers, words; errors, which are scrubbed in their turn."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, bytes):
        return b""  # a body, or a part of one
    return value if isinstance(value, (*PLAIN, BaseException)) else None


def _forget_object(error: UnicodeError) -> None:
    for kind, nothing in ((UnicodeDecodeError, b""), (UnicodeEncodeError, "")):
        if isinstance(error, kind):
            error.object = nothing

"""What the doctor found, as it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

MARKS = {"fine": "✔", "wrong": "✘", "unknown": "?", "note": "·"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `state`: `fine`, `wrong`, `unknown`, or `note` where neither is."""

    topic: str
    state: str
    says: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the doctor found; `fine` where nothing is wrong.

    >>> client.doctor().checks[0].says
    'a token given as is; nobody can renew it'
    """

    checks: tuple[Check, ...]

    @property
    def fine(self) -> bool:
        """Whether nothing is wrong; what is unknown does not count.

        >>> client.doctor().fine
        True
        """
        return all(check.state != "wrong" for check in self.checks)

    def rows(self) -> list[dict[str, str]]:
        """One `topic, state, says` per check, for the shell.

        >>> client.doctor().rows()[0]
        {'topic': 'sign-in', 'state': 'note', 'says': 'a token given as is; nobody can renew it'}
        """
        return [{"topic": c.topic, "state": c.state, "says": c.says} for c in self.checks]

    def __repr__(self) -> str:
        width = max((len(check.topic) for check in self.checks), default=0)
        return "\n".join(f"{MARKS[c.state]} {c.topic:{width}}  {c.says}" for c in self.checks)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{MARKS[c.state]}</td><td>{escape(c.topic)}</td>"
            f'<td style="text-align:left">{escape(c.says)}</td></tr>'
            for c in self.checks
        )
        return f"<table><tbody>{rows}</tbody></table>"

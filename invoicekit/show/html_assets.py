"""Data and files of ours as parts of a page that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from typing import Any

from markupsafe import Markup


def json_in_html(data: Any) -> Markup:  # noqa: ANN401 - any JSON
    r"""The data as JSON that cannot end the script element it stands in.

    >>> str(json_in_html("</script>"))
    '"\\u003c/script\\u003e"'
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)  # noqa: S704 - made harmless above


def beside(name: str) -> str:
    """The text of a file that lies beside this module."""
    return files("invoicekit.show").joinpath(name).read_text("utf-8")


def rendered(name: str, /, **parts: object) -> Markup:
    """A template that lies beside this module, filled; text is escaped, `Markup` is not."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, loader=FunctionLoader(beside), trim_blocks=True
    )
    return Markup(environment.get_template(name).render(parts))  # noqa: S704 - it escapes


def fingerprint(script: str) -> str:
    """The source expression by which a Content-Security-Policy lets just this script run.

    >>> fingerprint("alert(1)")
    "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"
    """
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"

"""A plotly figure that uploads nothing, wherever it is shown, embedded or exported."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from invoicekit.show.renderers import import_renderers


def plotly_config() -> dict[str, Any]:
    """The configuration of every figure we show, embed or export.

    Plotly 7 offers to upload each figure to its cloud; an invoice must not be one click away.
    That a figure follows the room it has is not said here: JupyterLab, which draws figures of its
    mime type, sees to it, and where both do, a figure loses its height when the window's changes.
    """
    return {
        "showSendToCloud": False,
        "plotlyServerURL": "",
        "displaylogo": False,
        "typesetMath": False,  # "$10 off $20" is a price, no formula
        "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"],
    }


class Figure(go.Figure):  # type: ignore[misc] # plotly is not typed
    """A plotly figure that carries `plotly_config` wherever it is displayed or exported.

    >>> "showSendToCloud" in invoice.figure("products").to_html(include_plotlyjs=False)
    True
    """

    def _repr_mimebundle_(self, *args: object, **kwargs: object) -> dict[str, Any]:
        import_renderers()
        bundle: dict[str, Any] = super()._repr_mimebundle_(*args, **_configured(kwargs))
        return bundle

    def _repr_html_(self) -> str:
        # Plotly's own asks a CDN for its library.
        return self.to_html(full_html=False)

    def _ipython_display_(self) -> None:
        # Plotly's own calls `pio.show`, which knows no configuration.
        import_renderers()
        import plotly.io as pio

        if pio.renderers.render_on_display and pio.renderers.default:
            self.show()
        else:
            print(repr(self))  # noqa: T201 - what plotly does where nothing can draw

    def show(self, *args: object, **kwargs: object) -> None:
        """Show the figure with the configuration.

        >>> invoice.figure("products").show  # doctest: +ELLIPSIS
        <bound method Figure.show of ...

        Args:
            args: as of plotly's own.
            kwargs: likewise; `config` is added to ours.
        """
        import_renderers()
        super().show(*args, **_configured(kwargs))

    def to_html(self, *args: object, **kwargs: object) -> str:
        """The figure as HTML, with the configuration.

        >>> invoice.figure("seats").to_html(full_html=False, include_plotlyjs=False)[:4]
        '<div'

        Args:
            args: as of plotly's own.
            kwargs: likewise; `config` is added to ours.
        """
        return str(super().to_html(*args, **_configured(kwargs)))

    def write_html(self, *args: object, **kwargs: object) -> None:
        """Write the figure as HTML, with the configuration.

        >>> invoice.figure("seats").write_html("seats.html")

        Args:
            args: as of plotly's own.
            kwargs: likewise; `config` is added to ours.
        """
        super().write_html(*args, **_configured(kwargs))


def _configured(arguments: dict[str, Any]) -> dict[str, Any]:
    return {**arguments, "config": plotly_config() | (arguments.get("config") or {})}

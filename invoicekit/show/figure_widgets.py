"""Figures inside a widget: one per currency, redrawn in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anywidget
import ipywidgets as w
import plotly.graph_objects as go
import traitlets

from invoicekit.show.plotly_figure import Figure, plotly_config
from invoicekit.show.renderers import import_renderers


class Fit(anywidget.AnyWidget):
    """Gives the figures beside it the room there is.

    A figure widget is drawn before it stands in the page, 700 pixels wide, and measures itself
    again only when the window is resized: so we say that it was, once a figure is there and is not
    as wide as its box. How long that takes, nobody knows; how often it is said is bounded.
    """

    _esm = """
    export default {
      render({ model, el }) {
        let left = 0, timer;
        const fit = () => {
          const room = el.parentElement?.clientWidth ?? 0;
          const plots = el.parentElement?.querySelectorAll(".js-plotly-plot") ?? [];
          const wrong = [...plots].filter((plot) => {
            const drawn = plot.querySelector(".main-svg");
            return drawn && Math.abs(drawn.clientWidth - room) > 24;
          });
          if (!room || !wrong.length || left-- <= 0) return;
          for (const plot of wrong) delete plot.layout?.width; // a change of height has fixed it
          dispatchEvent(new Event("resize"));
        };
        const soon = () => { clearTimeout(timer); timer = setTimeout(fit, 50); };
        const again = () => { left = 20; soon(); };
        const sizes = new ResizeObserver(again);
        const parts = new MutationObserver(soon);
        const begin = () => {
          if (!el.parentElement) { timer = setTimeout(begin, 50); return; }
          sizes.observe(el);
          parts.observe(el.parentElement, { childList: true, subtree: true });
          again();
        };
        begin();
        model.on("change:drawn", again);
        return () => { clearTimeout(timer); sizes.disconnect(); parts.disconnect(); };
      },
    };
    """
    drawn = traitlets.Int(0).tag(sync=True)


class Charts:
    """A figure per currency, drawn in widgets that are used again: each carries all of plotly."""

    def __init__(self) -> None:
        self._fit = Fit()
        self._widgets: list[Any] = []
        self.box = w.VBox([self._fit], layout={"width": "100%"})

    def show(self, figures: Sequence[Figure]) -> None:
        """Draw these figures and no others."""
        for place, figure in enumerate(figures):
            if place == len(self._widgets):
                self._widgets.append(_figure_widget(figure))
            elif len(self._widgets[place].data) != len(figure.data):
                self._widgets[place].close()
                self._widgets[place] = _figure_widget(figure)
            else:
                _redraw(self._widgets[place], figure)
        self.box.children = [*self._widgets[: len(figures)], self._fit]
        self._fit.drawn += 1

    @property
    def shown(self) -> list[Any]:
        """The figure widgets that are shown."""
        return list(self.box.children[:-1])


def _figure_widget(figure: Figure) -> Any:  # noqa: ANN401 - plotly is not typed
    import_renderers()
    widget = go.FigureWidget(figure)
    widget._config = plotly_config() | {"responsive": True}  # noqa: SLF001 - there is no other door
    return widget


def _redraw(widget: Any, figure: Figure) -> None:  # noqa: ANN401 - plotly is not typed
    with widget.batch_update():
        for old, new in zip(widget.data, figure.data, strict=True):
            old.update(new.to_plotly_json(), overwrite=True)
        widget.layout.update(figure.layout.to_plotly_json(), overwrite=True)

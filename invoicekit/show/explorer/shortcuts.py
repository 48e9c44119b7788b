"""Keeps what is typed into the explorer's controls from JupyterLab's shortcuts."""

from __future__ import annotations

from typing import Final

import anywidget

EXPLORER: Final = "invoicekit-explorer"  # the class of the explorer in the page


class NoShortcuts(anywidget.AnyWidget):
    """Marks the controls of the explorer that it stands in, now and as they come.

    A `<select>` is no text field to JupyterLab: `dd`, typed to find an entry, deletes the user's
    cell. Its rule (Lumino's `data-lm-suppress-shortcuts`) begins at the element that has the focus
    and stops at the first shortcut found, so the mark has to be on each control itself; ipywidgets
    gives no access to that.
    """

    _esm = f"""
    export default {{
      render({{ el }}) {{
        let frame, watch;
        const mark = (root) => root.querySelectorAll("select, button, summary").forEach(
          (control) => {{ control.dataset.lmSuppressShortcuts = "true"; }});
        const begin = () => {{
          const root = el.closest(".{EXPLORER}");
          if (!root) {{ // a widget is drawn before it stands in the page
            frame = requestAnimationFrame(begin);
            return;
          }}
          mark(root);
          watch = new MutationObserver(() => mark(root));
          watch.observe(root, {{ childList: true, subtree: true }});
        }};
        begin();
        return () => {{ cancelAnimationFrame(frame); watch?.disconnect(); }};
      }},
    }};
    """

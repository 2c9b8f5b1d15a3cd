"""Figures as drawings inside a page, in the page's own ink, on light and on dark paper."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from kernfit.plots.axes import FIRST, SECOND

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Stands for the page's ink; no figure uses it for anything else.
_INK = "#010203"


def new_axes(width: float = 5.6, height: float = 3.1) -> Axes:
    """Return axes of a new figure, drawn in the page's ink."""
    from matplotlib.figure import Figure

    ax = Figure(figsize=(width, height), layout="constrained").add_subplot()
    ax.tick_params(which="both", colors=_INK)
    for label in (ax.xaxis.label, ax.yaxis.label, ax.title):
        label.set_color(_INK)
    for spine in ax.spines.values():
        spine.set_color(_INK)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def as_svg(figure: Figure | Any, name: str, description: str) -> str:
    """Return a figure as an <svg> element.

    Parameters
    ----------
    figure : matplotlib Figure
    name : str
        Letters, to tell its parts from those of other figures on the page.
    description : str
        What it shows, for those who do not see it.
    """
    from matplotlib import rc_context

    buffer = io.StringIO()
    for ax in figure.axes:
        legend = ax.get_legend()
        for text in legend.get_texts() if legend is not None else ():
            text.set_color(_INK)
    with rc_context(_settings()):
        # Without a date and with a fixed salt: equal results give equal files.
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = text.replace(_INK, "currentColor")
    for colour, variable in ((FIRST, "--first"), (SECOND, "--second")):
        text = text.replace(colour, f"var({variable})")
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="|url\()#', rf"\1#{name}-", text)
    head, body = text.split(">", 1)
    head = re.sub(r'\s(width|height|version|xmlns(:xlink)?)="[^"]*"', "", head)
    label = description.replace("&", "&amp;").replace('"', "&quot;")
    return f'{head} role="img" aria-label="{label}">{body}'.strip()


def _settings() -> Any:
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": "kernfit",
        "font.family": "sans-serif",
    }

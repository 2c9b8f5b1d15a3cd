"""The parts of a report that need the images: four pictures side by side, and the histogram."""

from __future__ import annotations

from kernfit.plots import plot_histogram
from kernfit.report.answer import Answer
from kernfit.report.charts import as_svg, new_axes
from kernfit.report.html import beside, figure, number, paragraph, section, table
from kernfit.report.pictures import Scale, gradient, view_pictures
from kernfit.report.sections import floor_words
from kernfit.report.views import SPOT, View, Views

_ALT = {
    "before": "The before image",
    "after": "The after image",
    "predicted": "What the kernel makes of the before image",
    "residual": "What is left: after less predicted",
}


def images(views: Views, scale: Scale, channels: tuple[int, int]) -> str:
    """Return the four pictures, whole and in full resolution at some places.

    Parameters
    ----------
    views : Views
    scale : Scale
    channels : (before, after)
        How many there are.
    """
    rows, columns = views.size
    shrunk = views.factor > 1
    text = f"{columns:,} x {rows:,} pixels"
    if shrunk:
        text += f", shown as means of {views.factor}x{views.factor}"
    odd = next((count for count in channels if count not in (1, 3)), None)
    if odd is not None:
        text += f"; of {odd} channels the first is shown, and the residual farthest off"
    parts = [
        paragraph(f"{text}. Point at a place to see it in all four; the slider enlarges it."),
        _scales(scale),
        _group("whole", _quad(views.overview, scale, exact=not views.spots)),
    ]
    if views.spots:
        parts.append("<h3>In full resolution</h3>")
        buttons, quads = [], []
        for place, spot in enumerate(views.spots):
            checked = " checked" if place == 0 else ""
            buttons.append(
                f'<input type="radio" name="spot" id="spot-{place}"{checked}>'
                f'<label for="spot-{place}">{spot.name}</label>'
            )
            where = (
                f"{SPOT}x{SPOT} pixels from row {spot.row:,}, column {spot.column:,}: {spot.name}"
            )
            quads.append(
                f'<div class="spot spot-{place}">{paragraph(where, "note")}'
                f"{_quad(spot.view, scale, exact=True, where=f', {spot.name}')}</div>"
            )
        parts.append(_group("spots", "".join(buttons) + "".join(quads)))
    return section("images", "The images", *parts)


def _quad(view: View, scale: Scale, *, exact: bool, where: str = "") -> str:
    figures = []
    for name, source in view_pictures(view, scale, exact=exact).items():
        image = f'<img class="pixels" src="{source}" alt="{_ALT[name]}{where}">'
        figures.append(figure(f'<div class="frame">{image}</div>', name))
    return f'<div class="quad">{"".join(figures)}</div>'


def _group(name: str, content: str) -> str:
    return (
        f'<div class="views" tabindex="0" role="group" '
        f'aria-label="Four pictures of the same place; arrow keys move the place">'
        f'<label class="zoom">zoom <input type="range" min="1" max="8" step="0.5" value="1" '
        f'aria-label="Enlarge the four pictures" data-zoom="{name}"></label>{content}</div>'
    )


def _scales(scale: Scale) -> str:
    limit = number(scale.limit)
    return (
        '<div class="scales">'
        f"<div>{number(scale.low)} <span class=ramp "
        'style="background:linear-gradient(to right,#000,#fff)" aria-hidden="true"></span> '
        f"{number(scale.high)} <small>grey levels of before, after and predicted</small></div>"
        f"<div>−{limit} <span class=ramp "
        f'style="background:linear-gradient(to right,{gradient()})" aria-hidden="true"></span> '
        f"+{limit} <small>grey levels of the residual; white is 0, grey was left out</small></div>"
        "</div>"
    )


def residuals(answer: Answer, views: Views) -> str:
    """Return the histogram of the residual against its floor."""
    rounding = answer.residual_floor if answer.chi2 is None else 0.0
    rows = [("root mean square", number(answer.residual_rms))]
    if answer.residual_floor:
        rows.append((floor_words(answer), number(answer.residual_floor)))
    return histogram(views, rows, rounding, answer.left_out.get("outliers", 0))


def histogram(views: Views, rows: list[tuple[str, str]], rounding: float, outliers: int) -> str:
    """Return the histogram of a residual.

    Parameters
    ----------
    views : Views
    rows : list of (what, value)
        What is known of it in figures.
    rounding : float
        What rounding alone leaves, 0 if there was none.
    outliers : int
        How many did not count.
    """
    ax = plot_histogram(views.edges, views.counts, floor=rounding, ax=new_axes())
    rows = [*rows, ("largest", number(views.worst))]
    if views.beyond > 0:
        rows.append(("beyond the picture", f"{100 * views.beyond:.2g} % of the pixels"))
    words = "What the kernel does not explain."
    if rounding:
        words += (
            " Rounding to whole levels spreads it evenly from -0.5 to 0.5 (the orange line): what "
            "reaches beyond is noise, or no kernel's work."
        )
    if outliers:
        words += f" {outliers:,} outliers did not count for the fit; they are shown."
    return section(
        "residual",
        "The residual",
        paragraph(words),
        beside(
            figure(
                as_svg(ax.figure, "residuals", "Histogram of the residual; the table has numbers"),
                "The residual's histogram",
                "chart",
            ),
            table("The residual, in grey levels", ("what", "value"), rows),
        ),
    )

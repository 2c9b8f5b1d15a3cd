"""The report of a kernel that varies over the image."""

from __future__ import annotations

import os
from html import escape
from typing import Any, Protocol

import numpy as np

from kernfit.arrays import Array
from kernfit.display import taps_as_html
from kernfit.files import whole_file
from kernfit.kernel import Kernel
from kernfit.report import images, sections
from kernfit.report.answer import Judged
from kernfit.report.html import beside, figure, number, paragraph, section, table, with_error
from kernfit.report.page import check_report_suffix, document, pictures
from kernfit.report.pictures import Scale, residual_picture
from kernfit.report.views import Scene, Views

_LARGE = 9  # taps along a side, beyond which a picture says more than numbers
_MAP = 96  # pixels, the longer side of a map
_ROWS, _COLUMNS = ("top", "middle", "bottom"), ("left", "middle", "right")


class VaryingAnswer(Judged, Protocol):
    """A fit, seen from below: see `kernfit.VaryingFit` for what everything means."""

    @property
    def field(self) -> Any: ...  # noqa: D102
    @property
    def errors(self) -> Any: ...  # noqa: D102

    def at(self, row: float, column: float) -> Kernel: ...  # noqa: D102
    def stderr_at(self, row: float, column: float) -> Array: ...  # noqa: D102
    def scale_at(self, row: float, column: float) -> tuple[float, float]: ...  # noqa: D102


def write_varying_report(
    answer: VaryingAnswer,
    path: str | os.PathLike[str],
    scene: Scene | None,
    views: Views | None,
    *,
    title: str = "",
    notes: list[str] | None = None,
) -> None:
    """Write a report into one HTML file that needs nothing else; see `write_report`."""
    check_report_suffix(path)
    parts = [sections.verdict(answer)]
    if scene is not None and views is not None:
        parts.append(pictures(scene, views))
    parts += [kernels(answer), course(answer)]
    if views is not None:
        rows = [("root mean square", number(answer.residual_rms))]
        if answer.residual_floor:
            rows.append(("rounding to whole levels alone leaves", number(answer.residual_floor)))
        outliers = answer.left_out.get("outliers", 0)
        parts.append(images.histogram(views, rows, answer.residual_floor, outliers))
    parts += [figures(answer, notes or []), use(answer)]
    text = document(title or "A kernel that varies, learnt", parts, answer.to_dict())
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def kernels(answer: VaryingAnswer) -> str:
    """Return the kernel at nine places of the image, and in numbers in the middle."""
    places = _places(answer.field.size)
    middle = places["middle"]
    taps, errors = answer.at(*middle).taps, answer.stderr_at(*middle)
    caption = "In the middle of the image: the taps, each with its standard error"
    numbers = taps_as_html(taps, errors, caption=caption, anchor=answer.field.anchor)
    if max(taps.shape) > _LARGE:
        numbers = f"<details><summary>The taps in the middle</summary>{numbers}</details>"
    if answer.field.degree < 1:
        words = "The kernel is the same everywhere; only the background varies."
        return section("kernel", "The kernel", paragraph(words), numbers)
    shown = {name: answer.at(*place).taps for name, place in places.items()}
    limit = max(float(np.abs(each).max()) for each in shown.values()) or 1.0
    cells = []
    for name, each in shown.items():
        source = residual_picture(each, Scale(0, 1, limit))
        image = f'<img class="pixels" src="{source}" alt="Heat map of the taps, {name}">'
        cells.append(figure(image, f"{name}: sum {answer.scale_at(*places[name])[0]:.4g}"))
    text = (
        "At nine places, as they lie in the image. Orange taps add, blue ones subtract; white is "
        f"0, the strongest colour {limit:.3g} in all of them."
    )
    grid = f'<div class="places">{"".join(cells)}</div>'
    heading = "The kernel over the image"
    return section("kernel", heading, paragraph(text), beside(grid, numbers))


def course(answer: VaryingAnswer) -> str:
    """Return how the kernel's sum and the background change over the image."""
    field, places = answer.field, _places(answer.field.size)
    step = max(1, -(-max(field.size) // _MAP))
    grid = (slice(None, None, step), slice(None, None, step))
    maps = []
    if field.degree > 0:
        sums = np.tensordot(field.weights.sum(axis=(1, 2)), field.terms.over(*grid), 1)
        maps.append(_map(sums, "The sum of the taps over the image"))
    if field.background_degree > 0:
        levels = np.tensordot(field.background, field.background_terms.over(*grid), 1)
        maps.append(_map(levels, "The background over the image, in grey levels"))
    rows = []
    for name, place in places.items():
        level = f"{float(answer.at(*place).bias[0]):.5g}" if field.background.size else "none"
        rows.append((name, with_error(*answer.scale_at(*place)), level))
    text = (
        "The sum of the taps is what happens to the brightness of a flat area, the photometric "
        "scale; the background is what is added."
    )
    head = ("place", "sum of the taps", "background")
    return section(
        "course",
        "How brightness and background vary",
        paragraph(text),
        beside(*maps, table("At nine places", head, rows)),
    )


def figures(answer: VaryingAnswer, notes: list[str]) -> str:
    """Return the table of figures, and how the degrees were chosen."""
    field = answer.field
    rows, columns = field.shape
    lines = [
        ("shape", f"{rows} rows x {columns} columns"),
        ("anchor", f"row {field.anchor[0]}, column {field.anchor[1]}"),
        ("degree of the kernel", str(field.degree)),
        (
            "degree of the background",
            "no background" if field.background_degree < 0 else str(field.background_degree),
        ),
        ("numbers learnt", f"{field.weights.size + field.background.size:,}"),
        ("residual (root mean square)", f"{number(answer.residual_rms)} grey levels"),
        ("variance explained (R²)", f"{answer.r2:.6f}" if answer.r2 == answer.r2 else "-"),
        ("pixels used", f"{answer.used:,}"),
    ]
    left_out = ", ".join(f"{count:,} {why}" for why, count in answer.left_out.items() if count)
    lines.append(("pixels left out", left_out or "none"))
    tables = [table("The answer in figures", ("what", "value"), lines, "figures")]
    if answer.held_out:
        best = (field.degree, field.background_degree)
        tried = [
            (
                str(degree) + (" (taken)" if (degree, background) == best else ""),
                "none" if background < 0 else str(background),
                f"{rms:.5g}",
            )
            for (degree, background), rms in answer.held_out.items()
        ]
        head = ("degree", "of the background", "residual")
        tables.append(table("Parts of the image that were held out, by degree", head, tried))
    said = (paragraph(f"Note: {note}", "note") for note in notes)
    return section("figures", "In figures", beside(*tables), *said)


def use(answer: VaryingAnswer) -> str:
    """Return how to apply the field."""
    rows, columns = answer.field.size
    recipes = (
        ("Command line", "kernfit apply field.json before.tif predicted.tif"),
        (
            "Python",
            "import kernfit\n\nfield = kernfit.KernelField.load('field.json')\n"
            "predicted = field.predict(before, boundary='edge')\n"
            "difference = field.difference(before, after)",
        ),
    )
    parts = [
        paragraph(
            f"For images of {rows} rows x {columns} columns, over which the field varies. Save it "
            "with -o field.json, or fit.field.save('field.json')."
        )
    ]
    for place, (name, text) in enumerate(recipes):
        parts.append(
            f'<h3>{name}</h3><div class="code"><button type="button" data-copy="recipe-{place}" '
            f'aria-label="Copy the text for {name}">Copy</button>'
            f'<pre id="recipe-{place}" tabindex="0"><code>{escape(text)}</code></pre></div>'
        )
    return section("use", "Use it", *parts)


def _places(size: tuple[int, int]) -> dict[str, tuple[float, float]]:
    """Return nine places of an image by name, row by row."""
    height, width = size
    return {
        "middle" if down == across == "middle" else f"{down} {across}": (row, column)
        for down, row in zip(_ROWS, (0, (height - 1) / 2, height - 1), strict=True)
        for across, column in zip(_COLUMNS, (0, (width - 1) / 2, width - 1), strict=True)
    }


def _map(values: Array, what: str) -> str:
    """Return values over the image as a picture about their mean."""
    low, high = float(values.min()), float(values.max())
    middle, reach = (low + high) / 2, (high - low) / 2
    source = residual_picture(values - middle, Scale(0, 1, reach or 1.0))
    text = f"{what}: blue is {low:.4g}, white {middle:.4g}, orange {high:.4g}"
    return figure(f'<img class="pixels" src="{source}" alt="{text}">', text, "map")

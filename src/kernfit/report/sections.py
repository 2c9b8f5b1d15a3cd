"""The parts of a report that come from the result alone."""

from __future__ import annotations

from html import escape
from typing import Any, Protocol

import numpy as np

from kernfit.arrays import Array
from kernfit.display import taps_as_html
from kernfit.errors import InvalidInput
from kernfit.plots import plot_losses
from kernfit.report.answer import Answer
from kernfit.report.charts import as_svg, new_axes
from kernfit.report.html import beside, figure, number, paragraph, section, table, with_error
from kernfit.report.pictures import Scale, residual_picture
from kernfit.report.recipes import Files, recipes_for

_MOST_TABLES = 16  # of channels in and out
_LARGE = 9  # taps along a side, beyond which a picture says more than numbers
_FREQUENCIES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)

VERDICTS = {
    "good": "A kernel",
    "undetermined": "Not all of it can be told",
    "misfit": "Not a kernel alone",
    "unfinished": "The descent has not arrived",
    "diverged": "The descent diverged",
    "unchecked": "Not checked against the images",
}


class Verdict(Protocol):
    """What has a verdict and can put itself in sentences."""

    @property
    def status(self) -> Any: ...  # noqa: D102
    def sentences(self) -> list[str]: ...  # noqa: D102


def is_single(answer: Answer) -> bool:
    """Whether the kernel has one input and one output channel."""
    return answer.kernel.weight.shape[:2] == (1, 1)


def verdict(answer: Verdict) -> str:
    """Return the verdict: a word, a sentence, and what else is to be said."""
    word = VERDICTS.get(answer.status.code, answer.status.code)
    kind = "good" if answer.status.code == "good" else "doubt"
    others = [text for text in answer.sentences() if text != str(answer.status)]
    return (
        f'<div class="verdict {kind}" role="note">'
        f"{paragraph(word, 'word')}{paragraph(str(answer.status), 'sentence')}"
        f"{paragraph(' '.join(others))}</div>"
    )


def floor_words(answer: Answer) -> str:
    """Return what the floor of the residual is."""
    if answer.chi2 is not None:
        return "the given noise alone leaves"
    return "rounding to whole levels alone leaves"


def figures(answer: Answer, notes: list[str]) -> str:
    """Return the table of figures."""
    rows, columns = answer.kernel.shape
    outputs, inputs = answer.kernel.weight.shape[:2]
    mixing = "" if is_single(answer) else f", {inputs} channels in, {outputs} out"
    bias = ", ".join(
        with_error(float(b), float(e))
        for b, e in zip(answer.kernel.bias, answer.bias_stderr, strict=True)
    )
    lines = [
        ("shape", f"{rows} rows x {columns} columns{mixing}"),
        ("anchor", f"row {answer.kernel.anchor[0]}, column {answer.kernel.anchor[1]}"),
        ("bias", f"{bias} grey levels"),
        ("residual (root mean square)", f"{number(answer.residual_rms)} grey levels"),
    ]
    if answer.residual_floor:
        lines.append((floor_words(answer), f"{number(answer.residual_floor)} grey levels"))
    if answer.chi2 is not None:
        lines.append(("its square over the given variance (1 is all noise)", f"{answer.chi2:.4f}"))
    lines.append(("variance explained (R²)", f"{answer.r2:.6f}" if answer.r2 == answer.r2 else "-"))
    lines.append(("pixels used", f"{answer.used:,}"))
    if answer.reproduced is not None:
        lines.append(("of them within half a level", f"{answer.reproduced:,}"))
    left_out = ", ".join(f"{count:,} {why}" for why, count in answer.left_out.items() if count)
    lines.append(("pixels left out", left_out or "none"))
    if answer.offset is not None:
        row, column = answer.offset
        lines.append(("place in the before image", f"row {row}, column {column}"))
    return section(
        "figures",
        "In figures",
        table("The answer in figures", ("what", "value"), lines, "figures"),
        *(paragraph(f"Note: {note}", "note") for note in (*answer.notes, *notes)),
    )


def kernel(answer: Answer) -> str:
    """Return the kernel as heat maps with numbers and errors, its name and its moments."""
    weight = answer.kernel.weight
    errors = answer.stderr.reshape(weight.shape)
    parts = []
    if is_single(answer):
        name = answer.sentences()[-1]
        parts.append(paragraph(name if name != str(answer.status) else "", "name"))
    pairs = list(np.ndindex(*weight.shape[:2]))
    for o, i in pairs[:_MOST_TABLES]:
        caption = "The taps, each with its standard error; the anchor has a frame"
        if not is_single(answer):
            caption = f"Output channel {o} from input channel {i}"
        parts.append(_heat_map(weight[o, i], errors[o, i], caption, answer.kernel.anchor))
    if len(pairs) > _MOST_TABLES:
        parts.append(
            paragraph(f"The other {len(pairs) - _MOST_TABLES} are in this page's JSON.", "note")
        )
    legend = "Orange taps add, blue ones subtract; the stronger the colour, the larger the tap."
    if answer.status.code == "misfit":
        legend += " As this is not a kernel alone, the errors say little."
    if is_single(answer):
        parts = [parts[0], beside(*parts[1:], _moments(answer))]
    parts.append(paragraph(legend, "note"))
    return section("kernel", "The kernel", *parts)


def _heat_map(taps: Array, errors: Array, caption: str, anchor: tuple[int, int]) -> str:
    cells = taps_as_html(taps, errors, caption=caption, anchor=anchor)
    numbers = f'<div class="taps" style="--columns: {taps.shape[1]}">{cells}</div>'
    if max(taps.shape) <= _LARGE:
        return numbers
    limit = float(np.abs(taps).max()) or 1.0
    source = residual_picture(taps, Scale(0, 1, limit))
    rows, columns = taps.shape
    image = (
        f'<img class="pixels kernel" src="{source}" alt="Heat map of the {rows}x{columns} taps, '
        f'from blue at {-limit:.3g} over white at 0 to orange at {limit:.3g}">'
    )
    text = f"The {rows}x{columns} taps: blue is {-limit:.3g}, white 0, orange {limit:.3g}"
    return figure(image, text) + f"<details><summary>All numbers</summary>{numbers}</details>"


def _moments(answer: Answer) -> str:
    found = answer.moments
    rows = [
        ("sum of the taps", with_error(found.sum, found.sum_stderr), "brightness of flat areas")
    ]
    names = (("rows, down", 0), ("columns, right", 1))
    for what, values, errors, meaning in (
        ("centroid", found.centroid, found.centroid_stderr, "pixels from the anchor"),
        ("width", found.width, found.width_stderr, "standard deviation in pixels"),
    ):
        for along, axis in names:
            if values[axis] == values[axis]:
                text = with_error(values[axis], errors[axis])
                rows.append((f"{what}, {along}", text, meaning))
    return table("What it does on the whole", ("what", "value", "meaning"), rows)


def response(answer: Answer) -> str:
    """Return the frequency response along rows and columns with its band."""
    if not is_single(answer):
        text = "Each pair of channels has one of its own: fit.frequency_response(output=, source=)."
        return section("response", "Frequency response", paragraph(text, "note"))
    try:
        curves = [answer.frequency_response(angle=a, normalise=True) for a in (0, 90)]
        name, what = "MTF", "MTF: gain over that of flat areas"
    except InvalidInput:  # the taps sum to 0
        curves = [answer.frequency_response(angle=a) for a in (0, 90)]
        name, what = "Gain", "gain"
    ax = new_axes()
    curves[0].plot(ax=ax, label="along rows")
    curves[1].plot(ax=ax, label="along columns", dashed=True)
    ax.set_ylabel(what)
    limits = [curve.interval() for curve in curves]
    reach = max(float(np.nanmax(high - low, initial=0.0)) for low, high in limits)
    largest = max(float(curve.gain.max()) for curve in curves)
    points = [round(f / 0.5 * (len(curves[0].gain) - 1)) for f in _FREQUENCIES]
    rows = [
        (
            f"{f:.1f}",
            *(_between(c.gain[p], b[0][p], b[1][p]) for c, b in zip(curves, limits, strict=True)),
        )
        for f, p in zip(_FREQUENCIES, points, strict=True)
    ]
    if np.isnan(limits).all():
        band = "How sure it is cannot be said."
    elif reach < 0.01 * largest:
        band = "The band that holds the truth in 95 % of cases is as narrow as the line."
    else:
        band = "The bands hold the truth in 95 % of cases."
    if np.isnan(limits).any() and not np.isnan(limits).all():
        band += " Where there is none, the data say nothing."
    parts = [
        paragraph(
            "How much of the contrast of fine stripes comes through: at 0 the picture is flat, at "
            "0.5 cycles per pixel it changes from each pixel to the next. Above 1 the kernel "
            f"sharpens, below it smooths. {band}"
        ),
        beside(
            figure(
                as_svg(ax.figure, "response", f"{name} of rows and columns; the table has numbers"),
                f"{name} with its band of 95 %",
                "chart",
            ),
            table(
                f"{name} with its limits of 95 %",
                ("cycles per pixel", "along rows", "along columns"),
                rows,
            ),
        ),
    ]
    halves = []
    for curve, along in zip(curves, ("rows", "columns"), strict=True):
        half, error = curve.falls_to(0.5)
        if name == "MTF" and half == half:
            halves.append(f"{with_error(half, error)} along {along}")
    if halves:
        parts.append(paragraph(f"MTF50, in cycles per pixel: {'; '.join(halves)}."))
    return section("response", "Frequency response", *parts)


def _between(gain: float, low: float, high: float) -> str:
    if np.isnan(low):
        return f"{gain:.4f} (not known)"
    return f"{gain:.4f} ({low:.4f} to {high:.4f})"


def undetermined(answer: Answer) -> str:
    """Return which taps the data cannot tell."""
    directions = answer.undetermined
    heading = "What the data cannot tell"
    if len(directions) == 0:
        text = "Nothing about the kernel: every tap is determined."
        if np.isnan(answer.stderr).any():
            text = "Every tap is determined, but how sure it is cannot be said."
        return section("undetermined", heading, paragraph(text))
    shares = np.sum(directions**2, axis=0)
    rows, columns = answer.kernel.shape
    parts = [
        paragraph(
            f"{len(directions)} of {directions[0].size} independent combinations of taps change "
            "no prediction, so nothing is known of them."
        )
    ]
    for channel, share in enumerate(shares[:_MOST_TABLES]):
        of = f" of input channel {channel}" if len(shares) > 1 else ""
        parts.append(
            table(
                f"How much of each tap{of} is left open: 0 % is determined, 100 % wholly unknown",
                ("row", *(str(column) for column in range(columns))),
                [
                    (str(row), *(f"{100 * value:.0f} %" for value in share[row]))
                    for row in range(rows)
                ],
            )
        )
    return section("undetermined", heading, *parts)


def descent(answer: Answer) -> str:
    """Return the path of the descent, if there was one."""
    path = answer.history
    if path is None:
        return ""
    ax = plot_losses(path.losses, ax=new_axes())
    last = len(path.losses) - 1
    steps = sorted({*range(0, last, max(1, last // 10)), last})
    taps = path.weights.shape[1] - 1
    shown = taps <= 9 and path.weights.shape[2] == 1
    head = ["step", "loss", *(f"tap {n}" for n in range(taps) if shown), *(["bias"] * shown)]
    rows = [
        (
            str(step),
            f"{path.losses[step]:.6g}",
            *(f"{w:.6g}" for w in path.weights[step, :, 0] if shown),
        )
        for step in steps
    ]
    return section(
        "descent",
        "The descent",
        paragraph(
            f"The loss after each step. From a learning rate of {path.largest_rate:.3g} on it "
            "would diverge: 1 over the largest eigenvalue of the sums of products of pixels."
        ),
        beside(
            figure(
                as_svg(ax.figure, "descent", "Loss after each step; the table has numbers"),
                "The sum of squared errors, step by step",
                "chart",
            ),
            table("Some of the steps", head, rows),
        ),
    )


def recipes(answer: Answer, files: Files) -> str:
    """Return how to use the kernel in other programs."""
    parts = [
        paragraph(
            "Each text can be pasted as it stands. It reads a file named input, continues it "
            "beyond its border by its last pixels, and writes one named output."
        )
    ]
    for place, recipe in enumerate(recipes_for(answer.kernel, files)):
        parts.append(f"<h3>{recipe.program}</h3>")
        parts.append(paragraph(recipe.note, "note"))
        if recipe.text:
            parts.append(
                f'<div class="code"><button type="button" data-copy="recipe-{place}" '
                f'aria-label="Copy the text for {recipe.program}">Copy</button>'
                f'<pre id="recipe-{place}" tabindex="0"><code>{escape(recipe.text)}</code></pre>'
                "</div>"
            )
    return section("use", "Use it", *parts)

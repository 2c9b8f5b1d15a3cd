"""Taps as text and as HTML, for representations, the terminal and notebooks."""

from __future__ import annotations

from html import escape

import numpy as np

from kernfit.arrays import Array

_WIDEST = 130  # characters in a line of taps


def decimals_for(errors: Array | None, taps: Array) -> int:
    """Return how many decimals to show: two digits of the smallest error, at most 6 in all.

    Parameters
    ----------
    errors : ndarray or None
        Standard errors; NaN where there is none.
    taps : ndarray
        The numbers that they belong to.

    Returns
    -------
    int
    """
    if errors is not None:
        known = errors[np.isfinite(errors) & (errors > 0)]
        if known.size:
            return int(np.clip(1 - np.floor(np.log10(known.min())), 0, 6))
    return 0 if np.all(taps == np.round(taps)) else 6


def taps_as_text(taps: Array, errors: Array | None = None, *, indent: str = "  ") -> str:
    """Return one kernel's taps as lines of aligned columns, each with its error if given.

    Kernels that would not fit on a line are shown as whole numbers of one unit.

    Parameters
    ----------
    taps : ndarray, shape (kh, kw)
    errors : ndarray, shape (kh, kw), optional
        Standard errors; a tap with NaN is marked as not determined by "?".
    indent : str
        Put before every line.

    Returns
    -------
    str

    Examples
    --------
    >>> print(taps_as_text(np.array([[1.0, -1.0]]), np.array([[0.012, np.nan]])))
       1.000 ± 0.012   -1.000 ?
    """
    cells = tap_cells(taps, errors)
    width = max(len(cell) for row in cells for cell in row)
    if len(indent) + taps.shape[1] * (width + 3) > _WIDEST:
        return _compact(taps, errors, indent)
    lines = ("   ".join(cell.ljust(width) for cell in row) for row in cells)
    return "\n".join(indent + line.rstrip() for line in lines)


def _compact(taps: Array, errors: Array | None, indent: str) -> str:
    """Return wide kernels as whole numbers of a unit near the typical error, without the errors."""
    known = taps[:0] if errors is None else errors[np.isfinite(errors) & (errors > 0)]
    typical = float(np.median(known)) if known.size else 0.0
    largest = float(np.abs(taps).max()) or 1.0
    exponent = int(np.floor(np.log10(max(typical, largest / 9999))))
    whole = np.rint(taps / 10.0**exponent).astype(np.int64)
    width = max(len(str(number)) for number in whole.ravel().tolist())
    said = f", each ± {typical / 10.0**exponent:.1f} or so" if known.size else ""
    lines = [f"{indent}in units of 1e{exponent:+d}{said}:"]
    for i, row in enumerate(whole.tolist()):
        cells = [str(number).rjust(width) for number in row]
        if errors is not None:
            marks = ["?" if np.isnan(error) else " " for error in errors[i]]
            cells = [cell + mark for cell, mark in zip(cells, marks, strict=True)]
        lines.append((indent + " ".join(cells)).rstrip())
    return "\n".join(lines)


def tap_cells(taps: Array, errors: Array | None = None) -> list[list[str]]:
    """Return the text of each tap, "1.000 ± 0.012", numbers aligned at the decimal point."""
    places = decimals_for(errors, taps)
    numbers = [[f"{tap:.{places}f}" for tap in row] for row in (taps + 0.0)]
    # "-0.000" says nothing that "0.000" does not.
    zero = f"{-0.0:.{places}f}"
    numbers = [[zero[1:] if number == zero else number for number in row] for row in numbers]
    width = max(len(number) for row in numbers for number in row)
    cells = []
    for i, row in enumerate(numbers):
        cells.append([number.rjust(width) for number in row])
        if errors is not None:
            for j, error in enumerate(errors[i]):
                cells[-1][j] += " ?" if np.isnan(error) else f" ± {error:.{places}f}"
    return cells


def taps_as_html(taps: Array, errors: Array | None = None, *, caption: str = "") -> str:
    """Return one kernel's taps as a table whose colours show sign and size, zero being neutral.

    Parameters
    ----------
    taps : ndarray, shape (kh, kw)
    errors : ndarray, shape (kh, kw), optional
    caption : str
        Put above the table.

    Returns
    -------
    str
    """
    largest = float(np.abs(taps).max()) or 1.0
    rows = []
    for values, texts in zip(taps, tap_cells(taps, errors), strict=True):
        cells = []
        for value, text in zip(values, texts, strict=True):
            # Orange for positive and blue for negative are told apart by colour-blind readers;
            # a see-through colour suits light and dark pages alike.
            red, green, blue = (230, 97, 1) if value > 0 else (33, 102, 172)
            colour = f"rgba({red},{green},{blue},{0.65 * abs(value) / largest:.2f})"
            cells.append(
                f'<td style="background:{colour};text-align:right;padding:0.2em 0.6em;'
                f'font-family:monospace">{escape(text.strip())}</td>'
            )
        rows.append(f"<tr>{''.join(cells)}</tr>")
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{title}{''.join(rows)}</table>"

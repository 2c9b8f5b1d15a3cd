"""Taps as text and as HTML, for representations, the terminal and notebooks."""

from __future__ import annotations

from html import escape

import numpy as np

from kernfit.arrays import Array


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
    lines = ("   ".join(cell.ljust(width) for cell in row) for row in cells)
    return "\n".join(indent + line.rstrip() for line in lines)


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

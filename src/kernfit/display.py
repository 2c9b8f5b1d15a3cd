"""Taps as text and as HTML, for representations, the terminal and notebooks."""

from __future__ import annotations

from html import escape

import numpy as np

from kernfit.arrays import Array

_WIDEST = 130  # characters in a line of taps


def decimals_for(errors: Array | None, taps: Array) -> int:
    """Return how many decimals to show: two digits of the smallest error, or six of the taps.

    Parameters
    ----------
    errors : ndarray or None
        Standard errors; NaN where there is none.
    taps : ndarray
        The numbers that they belong to.

    Returns
    -------
    int
        At most 6; more only where all numbers are small.
    """
    largest = float(np.abs(taps).max(initial=0.0))
    most = max(6, 5 - _exponent(largest)) if largest else 6
    if errors is not None:
        known = errors[np.isfinite(errors) & (errors > 0)]
        if known.size:
            return int(np.clip(1 - _exponent(float(known.min())), 0, most))
    return 0 if np.all(taps == np.round(taps)) else most


def unit_of(taps: Array) -> float:
    """Return the power of ten in which to show taps: 1, unless all of them are tiny or huge."""
    largest = float(np.abs(taps).max(initial=0.0))
    return 10.0 ** _exponent(largest) if largest and not 1e-3 <= largest < 1e7 else 1.0


def _exponent(number: float) -> int:
    return int(np.floor(np.log10(number)))


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
    unit = unit_of(taps)
    cells = tap_cells(taps / unit, None if errors is None else errors / unit)
    width = max(len(cell) for row in cells for cell in row)
    if len(indent) + taps.shape[1] * (width + 3) > _WIDEST:
        return _compact(taps, errors, indent)
    lines = ("   ".join(cell.ljust(width) for cell in row) for row in cells)
    said = "" if unit == 1 else f"{indent}in units of {unit:g}:\n"
    return said + "\n".join(indent + line.rstrip() for line in lines)


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


def readable(numbers: Array, scale: Array) -> Array:
    """Return numbers without the rounding, far below the taps, that nobody wants to read."""
    if numbers.dtype.kind == "i":
        return numbers
    places = 9 - int(np.floor(np.log10(max(1e-300, float(np.abs(scale).max())))))
    return np.round(numbers, min(300, places)) + 0.0


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
                cells[-1][j] += " ?" if np.isnan(error) else f" ± {_size_of(error, places)}"
    return cells


def _size_of(error: float, places: int) -> str:
    """Return an error with so many decimals, or its size where they would all be 0."""
    text = f"{error:.{places}f}"
    return f"{error:.0e}" if error > 0 and not text.strip("0.") else text


def taps_as_html(
    taps: Array,
    errors: Array | None = None,
    *,
    caption: str = "",
    anchor: tuple[int, int] | None = None,
) -> str:
    """Return one kernel's taps as a table whose colours show sign and size, zero being neutral.

    Parameters
    ----------
    taps : ndarray, shape (kh, kw)
    errors : ndarray, shape (kh, kw), optional
    caption : str
        Put above the table.
    anchor : (row, column), optional
        A tap to put a frame around.

    Returns
    -------
    str
    """
    unit = unit_of(taps)
    largest = float(np.abs(taps).max()) or 1.0
    head = "".join(f'<th scope="col">{column}</th>' for column in range(taps.shape[1]))
    rows = [f'<tr><th scope="col">row</th>{head}</tr>']
    texts = tap_cells(taps / unit, None if errors is None else errors / unit)
    for i, values in enumerate(taps):
        cells = [f'<th scope="row">{i}</th>']
        for j, value in enumerate(values):
            # Orange for positive and blue for negative are told apart by colour-blind readers;
            # a see-through colour suits light and dark pages alike.
            red, green, blue = (230, 97, 1) if value > 0 else (33, 102, 172)
            colour = f"rgba({red},{green},{blue},{0.65 * abs(value) / largest:.2f})"
            frame = ";outline:2px solid currentColor;outline-offset:-2px"
            cells.append(
                f'<td style="background:{colour};text-align:right;padding:0.2em 0.6em;'
                f"font-family:monospace;white-space:nowrap{frame if (i, j) == anchor else ''}"
                f'">{_in_two_lines(texts[i][j])}</td>'
            )
        rows.append(f"<tr>{''.join(cells)}</tr>")
    words = [caption] if caption else []
    words += [f"in units of {unit:g}"] if unit != 1 else []
    title = f"<caption>{escape(', '.join(words))}</caption>" if words else ""
    return f'<div style="overflow-x:auto"><table>{title}{"".join(rows)}</table></div>'


def pairs_as_html(caption: str, lines: list[tuple[str, str]]) -> str:
    """Return names and values as a table.

    Parameters
    ----------
    caption : str
        Put above.
    lines : list of (name, value)

    Returns
    -------
    str
    """
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left">{escape(value)}</td></tr>'
        for name, value in lines
    )
    return f"<table><caption>{escape(caption)}</caption>{rows}</table>"


def _in_two_lines(cell: str) -> str:
    """Return a number with its error below, for narrow pages."""
    number, _, error = escape(cell.strip()).partition(" ± ")
    return f"{number}<br><small>± {error}</small>" if error else number

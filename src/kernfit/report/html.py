"""Small pieces of a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def section(name: str, heading: str, *parts: str) -> str:
    """Return a section with a heading that can be linked to."""
    body = "\n".join(part for part in parts if part)
    return (
        f'<section id="{name}" aria-labelledby="{name}-heading">\n'
        f'<h2 id="{name}-heading">{escape(heading)}</h2>\n{body}\n</section>'
    )


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph of plain text; nothing for no text."""
    if not text:
        return ""
    return f"<p{_kind(kind)}>{escape(text)}</p>"


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """Return a table of plain texts; the first cell of each row is its heading."""
    columns = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    lines = []
    for first, *others in rows:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in others)
        lines.append(f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>')
    return (
        f'<div class="wide"><table{_kind(kind)}><caption>{escape(caption)}</caption>'
        f"<thead><tr>{columns}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def figure(content: str, caption: str, kind: str = "") -> str:
    """Return a figure with its caption; the content is HTML already."""
    return f"<figure{_kind(kind)}>{content}<figcaption>{escape(caption)}</figcaption></figure>"


def beside(*parts: str) -> str:
    """Return parts that stand side by side where there is room."""
    return f'<div class="beside">{"".join(parts)}</div>'


def _kind(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def number(value: float) -> str:
    """Return a number with four digits, thousands apart.

    Examples
    --------
    >>> number(1234567), number(0.28641), number(float("nan"))
    ('1,234,567', '0.2864', 'not known')
    """
    if value != value:
        return "not known"
    if abs(value) >= 10_000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def with_error(value: float, error: float) -> str:
    """Return a number and its standard error, to two digits of the error, without a line break.

    Examples
    --------
    >>> print(with_error(1.23456, 0.0123).replace("\N{NO-BREAK SPACE}", " "))
    1.235 ± 0.012
    >>> with_error(2.0, 0.0), with_error(1.5, float("nan"))
    ('2', '1.5 (error not known)')
    """
    import math

    if value != value:
        return "not known"
    if error != error:
        return f"{value:.4g} (error not known)"
    if error <= 1e-12 * abs(value):
        return f"{round(value, 9) + 0.0:.6g}"
    places = min(12, max(0, 1 - math.floor(math.log10(error))))
    text = f"{round(value, places) + 0.0:.{places}f} ± {error:.{places}f}"
    return text.replace(" ", "\N{NO-BREAK SPACE}")

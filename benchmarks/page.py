"""Pages with a measured part between two marks; what people wrote around it stays."""

from __future__ import annotations

from pathlib import Path

_BEGIN, _END = "<!-- measured: begin -->", "<!-- measured: end -->"


def replace_measured(page: Path, lines: list[str]) -> None:
    """Put lines between the marks of a page."""
    before, _, rest = page.read_text().partition(_BEGIN)
    after = rest.partition(_END)[2]
    page.write_text("\n".join([before + _BEGIN, "", *lines, _END + after]))

"""The page itself: head, parts, and the file."""

from __future__ import annotations

import json
import os
from html import escape
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

from kernfit.arrays import one_of
from kernfit.files import whole_file
from kernfit.report import images, sections
from kernfit.report.answer import Answer
from kernfit.report.pictures import scale_for
from kernfit.report.recipes import Files
from kernfit.report.views import Scene, Views, views_of

# The browser itself keeps the page from loading anything from anywhere.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def write_report(
    answer: Answer,
    path: str | os.PathLike[str],
    scene: Scene | None = None,
    *,
    views: Views | None = None,
    title: str = "",
    notes: list[str] | None = None,
) -> None:
    """Write a report into one HTML file that needs nothing else.

    Parameters
    ----------
    answer : Answer
        A `kernfit.Fit`.
    path : path-like
        Ends in .html or .htm; appears when it is whole.
    scene : Scene, optional
        The images; without them their parts are left out.
    views : Views, optional
        Of the scene, if they are there already.
    title : str
        Put above.
    notes : list of str, optional
        To be said beside the figures.

    Raises
    ------
    InvalidInput
        If the suffix is another.
    RefusedFile
        If the file cannot be written.
    """
    check_report_suffix(path)
    if scene is not None and views is None:
        views = views_of(scene)
    text = page(answer, scene, views, title or "A kernel, learnt", notes or [])
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def check_report_suffix(path: str | os.PathLike[str]) -> None:
    """Refuse a path to which no report could be written."""
    one_of(Path(path).suffix.lower(), (".html", ".htm"), "the report's suffix")


def pictures(scene: Scene, views: Views) -> str:
    """Return the images as a section."""
    levels = (0.0, 255.0) if _top_level(scene) == 255 else None
    scale = scale_for(views, levels=levels)
    return images.images(views, scale, (len(scene.before), len(scene.after)))


def page(
    answer: Answer, scene: Scene | None, views: Views | None, title: str, notes: list[str]
) -> str:
    """Return the report as text."""
    parts = [sections.verdict(answer)]
    if scene is not None and views is not None:
        parts.append(pictures(scene, views))
    parts += [sections.kernel(answer), sections.response(answer)]
    if scene is not None and views is not None:
        parts.append(images.residuals(answer, views))
    kinds = Files(255, colour=False) if scene is None else _files(scene)
    parts += [
        sections.undetermined(answer),
        sections.descent(answer),
        sections.figures(answer, notes),
        sections.recipes(answer, kinds),
    ]
    return document(title, parts, answer.to_dict())


def document(title: str, parts: list[str], answer: dict[str, Any]) -> str:
    """Return a whole page.

    Parameters
    ----------
    title : str
    parts : list of str
        Sections as HTML, in their order; empty ones are left out.
    answer : dict
        All of the answer, to be kept in the page as JSON.
    """
    body = "\n".join(part for part in parts if part)
    # "<" would end the script early.
    record = json.dumps(answer, allow_nan=False).replace("<", "\\u003c")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="kernfit">
<title>{escape(title)}</title>
<style>
{_resource("page.css")}</style>
</head>
<body>
<header><h1>{escape(title)}</h1></header>
<main>
{body}
</main>
<footer><p>Made by kernfit. The answer is also in this page as JSON, in the element kernfit-answer;
nothing here is loaded from elsewhere.</p></footer>
<script type="application/json" id="kernfit-answer">{record}</script>
<script>
{_resource("page.js")}</script>
</body>
</html>
"""


def _top_level(scene: Scene) -> int | None:
    """Return the highest level of 8- and 16-bit images, None for others."""
    kinds = {image.dtype.str[1:] for image in (scene.before, scene.after)}
    return {"u1": 255, "u2": 65535}.get(kinds.pop()) if len(kinds) == 1 else None


def _files(scene: Scene) -> Files:
    """Return what kind of files such images are kept in."""
    channels = len(scene.before)
    return Files(_top_level(scene) if channels in (1, 3) else None, colour=channels > 1)


def _resource(name: str) -> str:
    return (resources("kernfit.report") / name).read_text(encoding="utf-8")

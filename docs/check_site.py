"""Check a built site: ``python docs/check_site.py build/site``.

Every public name, methods and attributes too, has a page, and every link within the site leads
somewhere. Prints what is missing; status 1 if anything is.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

MODULES = ("kernfit", "kernfit.scale")


def public_names() -> list[str]:
    """Every name of the facades, and what their classes define in public."""
    names = []
    for module in MODULES:
        facade = importlib.import_module(module)
        for name in facade.__all__:
            thing = getattr(facade, name)
            names.append(f"{module}.{name}")
            if inspect.isclass(thing) and thing.__module__.startswith("kernfit"):
                own = [member for member in vars(thing) if not member.startswith("_")]
                names += [f"{module}.{name}.{member}" for member in own]
    return names


class Links(HTMLParser):
    """What a page links to, and the places in it that can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect links and anchors."""
        for key, value in attrs:
            if key in ("href", "src") and value:
                self.targets.append(value)
            elif key in ("id", "name") and value:
                self.anchors.add(value)


def broken_links(site: Path) -> list[str]:
    """Links to files or anchors that are not there."""
    files = [file for file in site.rglob("*.html") if "_static" not in file.parts]
    pages = {page: Links(page.read_text(encoding="utf-8")) for page in files}
    broken = []
    for page, links in pages.items():
        for target in links.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            missing = not file.exists()
            if parts.fragment and file in pages:
                missing = unquote(parts.fragment) not in pages[file].anchors
            if missing:
                broken.append(f"{page.relative_to(site)} links to {target}, which is not there")
    return broken


def main(folder: str) -> int:
    """Print what is missing and return the exit status."""
    from sphinx.util.inventory import InventoryFile

    site = Path(folder).resolve()
    with (site / "objects.inv").open("rb") as stream:
        inventory = InventoryFile.load(stream, "", lambda base, path: path)
    kinds = [kind for kind in inventory if kind.startswith("py:")]
    known = {name for kind in kinds for name in inventory[kind]}
    problems = [f"{name} has no page" for name in public_names() if name not in known]
    problems += broken_links(site)
    print("\n".join([*sorted(problems), f"{len(known)} names, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

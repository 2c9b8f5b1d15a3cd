"""The image shelf: decoded images in a private folder, known by ids that never are paths."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from kernfit.errors import InvalidInput


@dataclass(frozen=True)
class Item:
    """One image, or one model, on the shelf.

    Attributes
    ----------
    id : str
        What requests call it: made from the content, so that the same file has the same id.
    about : dict
        What the page shows: name, rows, columns, channels and so on.
    files : tuple of Path
        Where it lies, in a folder of our own: the pixels, and the same in grey; or the model.
    own : bool
        Whether the user has brought it; the others stay.
    """

    id: str
    about: dict[str, Any]
    files: tuple[Path, ...]
    own: bool = True

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(path.stat().st_size for path in set(self.files))


class Shelf:
    """Items in a folder that vanishes with the server.

    Parameters
    ----------
    most_bytes : int
        Beyond, the item not used for longest goes.
    """

    def __init__(self, most_bytes: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kernfit-lab-"))
        self.most_bytes = most_bytes
        self._items: dict[str, Item] = {}
        self._used: dict[str, int] = {}
        self._clock = count()

    def close(self) -> None:
        """Remove the folder and all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_file(self, suffix: str = "") -> Path:
        """Return a path in the folder that is not in use."""
        return self.folder / f"{secrets.token_hex(12)}{suffix}"

    def put(self, item: Item) -> Item:
        """Add an item, or keep the one that is there already; make room if needed."""
        if item.id in self._items:
            for path in item.files:
                path.unlink(missing_ok=True)
            return self.find(item.id)
        self._items[item.id] = item
        self._used[item.id] = next(self._clock)
        while sum(known.size for known in self._items.values()) > self.most_bytes:
            others = [known for known in self._items.values() if known.own and known != item]
            if not others:
                break
            self.remove(min(others, key=lambda known: self._used[known.id]).id)
        return item

    def remove(self, id: str) -> None:
        """Take an item off."""
        item = self._items.pop(id, None)
        if item is not None:
            for path in item.files:
                path.unlink(missing_ok=True)

    def find(self, id: object) -> Item:
        """Return an item.

        Raises
        ------
        InvalidInput
            If it is not there.
        """
        if not isinstance(id, str) or id not in self._items:
            raise InvalidInput(
                f"there must be an image {str(id)[:40]!r} on the shelf, there is none: add it again"
            )
        self._used[id] = next(self._clock)
        return self._items[id]

    def list(self) -> list[dict[str, Any]]:
        """Return what the page shows of every item, in the order in which they came."""
        return [{"id": item.id, "own": item.own, **item.about} for item in self._items.values()]


def id_of(path: Path) -> str:
    """Return an id that is made from a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]

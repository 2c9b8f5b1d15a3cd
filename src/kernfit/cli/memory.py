"""What fits into the memory, and what is worked on part by part."""

from __future__ import annotations

from pathlib import Path


def memory_for(text: str | None) -> int:
    """Return how many bytes may be in use."""
    from kernfit.scale.layout import as_bytes, usual_memory

    return usual_memory() if text is None else as_bytes(text, "--memory")


def fits_whole(memory: int, *paths: Path) -> bool:
    """Say whether images are of a kind that is read as a whole, and small enough for it."""
    from kernfit.io.stores import is_zarr
    from kernfit.scale.images import fits_into

    in_parts = (".npy", ".tif", ".tiff", ".fits", ".fit", ".fts")
    if any(is_zarr(path) or path.suffix.lower() in in_parts[3:] for path in paths):
        return False
    return fits_into(memory, *(path for path in paths if path.suffix.lower() in in_parts))

"""What fits into the memory, and what is worked on part by part."""

from __future__ import annotations

from pathlib import Path


def memory_for(text: str | None) -> int:
    """Return how many bytes may be in use."""
    from kernfit.scale.layout import as_bytes, usual_memory

    return usual_memory() if text is None else as_bytes(text, "--memory")


def fits_whole(memory: int, *paths: Path) -> bool:
    """Say whether images are of a kind that is read as a whole, and small enough for it."""
    from kernfit.io.fits import is_fits
    from kernfit.io.stores import is_zarr
    from kernfit.scale.images import fits_into

    if any(is_zarr(path) for path in paths):
        return False
    in_parts = (".npy", ".tif", ".tiff")
    counted = (path for path in paths if is_fits(path) or path.suffix.lower() in in_parts)
    return fits_into(memory, *counted)

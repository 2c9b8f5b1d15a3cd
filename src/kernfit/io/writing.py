"""Which encoder writes an image, and what each format can hold."""

from pathlib import Path
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import RefusedFile
from kernfit.io.image_file import CMYK, GREY, RGB, PathLike
from kernfit.io.metadata import Metadata

WRITTEN = {
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".npy": "NPY",
    ".bmp": "BMP",
    ".pgm": "PGM",
    ".ppm": "PPM",
    ".fits": "FITS",
    ".fit": "FITS",
    ".fts": "FITS",
}
# Pillow's mode for 8-bit channels and whether alpha comes with them.
MODES = {
    (GREY, False): "L",
    (GREY, True): "LA",
    (RGB, False): "RGB",
    (RGB, True): "RGBA",
    (CMYK, False): "CMYK",
}


# What the formats with a fixed choice of channels can hold.
CHANNELS: dict[str, tuple[tuple[str, ...], ...]] = {
    "PNG": (GREY, RGB),
    "JPEG": (GREY, RGB, CMYK),
    "BMP": (GREY, RGB),
    "PGM": (GREY,),
    "PPM": (RGB,),
}


def kind_to_write(path: PathLike) -> str:
    """Return the format that the suffix asks for."""
    kind = WRITTEN.get(Path(path).suffix.lower())
    if kind is None:
        raise RefusedFile(f"{path} must end in one of {', '.join(WRITTEN)}: choose one")
    return kind


def encode(
    target: Path,
    kind: str,
    planes: Array,
    names: tuple[str, ...],
    alpha: bool,
    quality: int | None,
    metadata: Metadata,
) -> None:
    """Call the encoder; everything is checked by now."""
    rows, columns = planes.shape[-2:]
    held = metadata.for_picture(rows, columns, len(names))
    samples = planes if planes.ndim == 2 else np.moveaxis(planes, 0, -1)
    if kind == "FITS":
        from kernfit.io.fits import write_fits

        write_fits(target, planes, held)
    elif kind == "TIFF":
        from kernfit.io.tiff import write_tiff

        write_tiff(target, planes, alpha=alpha, cmyk=names == CMYK, metadata=held)
    elif kind in ("PGM", "PPM"):
        from kernfit.io.pnm import write_pnm

        write_pnm(target, samples)
    elif planes.dtype == np.uint16:
        from kernfit.io.png import write_png_16
        from kernfit.io.png_chunks import chunks_for

        write_png_16(target, samples, chunks_for(held))
    else:
        from kernfit.io.pillow import write_pillow

        options = _options(kind, names, quality, held)
        write_pillow(target, samples, MODES[names, alpha], kind, **options)
        if kind == "JPEG":
            from kernfit.io.jpeg import add_segments

            add_segments(target, held)
        if kind == "PNG":
            from kernfit.io.png import add_chunks
            from kernfit.io.png_chunks import chunks_for

            add_chunks(target, chunks_for(held))


def _options(
    kind: str, names: tuple[str, ...], quality: int | None, held: Metadata
) -> dict[str, Any]:
    """Return what Pillow's encoder is to be told."""
    if kind == "JPEG":
        from kernfit.io.jpeg import coding_options

        # Quality below 100 already blurs colours; halving their resolution would blur them more.
        plain = {"quality": 95 if quality is None else quality, "subsampling": 0}
        return plain if quality is not None else coding_options(held.jpeg, len(names)) or plain
    if kind == "PNG":
        from kernfit.io.png import COMPRESSION

        return {"compress_level": COMPRESSION}
    if held.resolution is not None and held.resolution[2]:
        across, down, unit = held.resolution
        scale = {"inch": 1.0, "cm": 2.54}[unit]
        return {"dpi": (across * scale, down * scale)}
    return {}


def check_fit(
    path: PathLike, kind: str, dtype: np.dtype[np.generic], names: tuple[str, ...], alpha: bool
) -> None:
    """Refuse to write what the format cannot hold."""
    if kind in ("NPY", "FITS") and alpha:
        raise RefusedFile(f"{path} cannot tell alpha apart: write .png or .tif, or leave it out")
    if kind == "NPY":
        return
    if kind in ("TIFF", "FITS") and dtype.kind != "b" and not (kind == "FITS" and dtype == "f2"):
        return
    held = (8,) if kind in ("JPEG", "BMP") else (8, 16)
    if dtype.kind != "u" or dtype.itemsize * 8 not in held:
        raise RefusedFile(
            f"{path} holds unsigned integers of {' or '.join(map(str, held))} bits, the pixels "
            f"are {dtype}: write .tif or .npy, or round them to uint8 or uint16 first"
        )
    if names not in CHANNELS[kind] or (alpha and kind != "PNG"):
        raise RefusedFile(
            f"{path} cannot hold the channels {', '.join(names)}{' and alpha' * alpha}: "
            "write .tif, or choose other channels"
        )

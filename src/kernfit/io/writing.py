"""Which encoder writes an image, and what each format can hold."""

from pathlib import Path

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import RefusedFile
from kernfit.io.image_file import CMYK, GREY, RGB, PathLike

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
    target: Path, kind: str, planes: Array, names: tuple[str, ...], alpha: bool, quality: int
) -> None:
    """Call the encoder; everything is checked by now."""
    samples = planes if planes.ndim == 2 else np.moveaxis(planes, 0, -1)
    if kind == "TIFF":
        from kernfit.io.tiff import write_tiff

        write_tiff(target, planes, alpha=alpha, cmyk=names == CMYK)
    elif kind in ("PGM", "PPM"):
        from kernfit.io.pnm import write_pnm

        write_pnm(target, samples)
    elif planes.dtype == np.uint16:
        from kernfit.io.png import write_png_16

        write_png_16(target, samples)
    else:
        from kernfit.io.pillow import write_pillow
        from kernfit.io.png import COMPRESSION

        # Quality below 100 already blurs colours; halving their resolution would blur them more.
        options = {
            "JPEG": {"quality": quality, "subsampling": 0},
            "PNG": {"compress_level": COMPRESSION},
        }.get(kind, {})
        write_pillow(target, samples, MODES[names, alpha], kind, **options)


def check_fit(
    path: PathLike, kind: str, dtype: np.dtype[np.generic], names: tuple[str, ...], alpha: bool
) -> None:
    """Refuse to write what the format cannot hold."""
    if kind == "NPY" and alpha:
        raise RefusedFile(f"{path} cannot tell alpha apart: write .png or .tif, or leave it out")
    if kind == "NPY":
        return
    if kind == "TIFF" and dtype.kind != "b":
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

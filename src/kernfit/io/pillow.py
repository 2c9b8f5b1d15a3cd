"""PNG, JPEG, GIF, BMP and WebP through Pillow."""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import RefusedFile
from kernfit.io.image_file import (
    CMYK,
    GREY,
    RGB,
    ImageFile,
    PathLike,
    check_memory,
    decoding,
    image_file,
)

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile as PillowFile

ORIENTATION = 0x0112  # the EXIF tag

PLUGINS = {
    "PNG": ("PngImagePlugin", "PngImageFile"),
    "JPEG": ("JpegImagePlugin", "jpeg_factory"),
    "GIF": ("GifImagePlugin", "GifImageFile"),
    "BMP": ("BmpImagePlugin", "BmpImageFile"),
    "WebP": ("WebPImagePlugin", "WebPImageFile"),
    "TIFF": ("TiffImagePlugin", "TiffImageFile"),
}

# Pillow's mode: the mode to convert it to, its channels, a note.
MODES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "1": ("L", GREY, "1-bit pixels are turned to 0 and 255."),
    "L": ("L", GREY, ""),
    "LA": ("LA", GREY, ""),
    "I;16": ("I;16", GREY, ""),
    "I;16B": ("I;16B", GREY, ""),
    "I": ("I", GREY, ""),
    "F": ("F", GREY, ""),
    "RGB": ("RGB", RGB, ""),
    "RGBX": ("RGB", RGB, ""),
    "RGBA": ("RGBA", RGB, ""),
    "CMYK": ("CMYK", CMYK, "CMYK is kept as four channels; the highest level is full ink."),
    "P": ("RGB", RGB, "The palette is expanded to red, green and blue."),
    "PA": ("RGBA", RGB, "The palette is expanded to red, green and blue."),
    "YCbCr": ("RGB", RGB, "YCbCr is turned to red, green and blue."),
}


def open_pillow(kind: str, file: BinaryIO) -> "PillowFile":
    """Open a file with the one plugin that its first bytes call for; no pixel is decoded yet.

    Image.open would try every plugin that Pillow has, some of which start other programs, and
    has a global limit on size; ours comes with the call.
    """
    module, name = PLUGINS[kind]
    file.seek(0)
    image: PillowFile = getattr(import_module(f"PIL.{module}"), name)(file)
    return image


def read_pillow(
    path: PathLike,
    file: BinaryIO,
    kind: str,
    max_bytes: int,
    notes: tuple[str, ...] = (),
    *,
    step: int = 1,
) -> ImageFile:
    """Read an image file of up to 8 bits a sample, or 16 bits and more in one channel.

    Parameters
    ----------
    path : path-like
        For the errors.
    file : binary file
        Open for reading.
    kind : str
        "PNG", "JPEG", "GIF", "BMP", "WebP" or "TIFF".
    max_bytes : int
        The most memory, in bytes, that the pixels may take.
    notes : tuple of str
        What is known already.
    step : int, default 1
        By how much the levels of a PNG file of 2 or 4 bits are spread; Pillow forgets to do so
        with the level that stands for transparent.

    Returns
    -------
    ImageFile
        With the orientation applied.

    Raises
    ------
    RefusedFile
        If the file is damaged, of a mode that is not read, or too large.
    """
    with decoding(path, kind):
        image = open_pillow(kind, file)
        if image.mode not in MODES:
            raise RefusedFile(
                f"{path} has pixels of mode {image.mode}, which is not read: convert it to grey, "
                "RGB or CMYK"
            )
        mode, channels, note = MODES[image.mode]
        transparency = image.info.get("transparency")
        if image.mode == "P" and transparency is not None:
            mode = "RGBA"
        bits = 32 if mode in "IF" else 16 if mode.startswith("I;16") else 8
        check_memory(path, image.width * image.height * len(mode[:4]) * bits // 8, max_bytes)
        pages = getattr(image, "n_frames", 1)
        if pages > 1:
            notes = (*notes, f"Only the first of {pages} pictures is read.")
        if mode == "F":  # libtiff gives floats in the machine's order, which Pillow overlooks
            _unpack_as(image, "F;32NF")
        image.load()
        # After load, as a PNG may have its EXIF data behind the pixels. Pillow turns TIFF itself.
        orientation = 1 if kind == "TIFF" else image.getexif().get(ORIENTATION, 1)
        samples = np.asarray(image if mode == image.mode else image.convert(mode))
        if kind == "PNG" and mode == "I":  # how older Pillow gives 16-bit grey
            samples = samples.astype(np.uint16)
        alpha = None
        if transparency is not None and image.mode in ("1", "L", "RGB", "I;16", "I"):
            key = np.multiply(transparency, step)
            if image.mode == "1":  # older Pillow says 1 where newer says 255
                key = np.where(key, 255, 0)
            alpha = alpha_from_key(samples, key)
        if kind == "JPEG" or (kind == "WebP" and _is_lossy(file)):
            notes = (*notes, f"{kind} is lossy: the values are near the original ones, not equal.")
    if note:
        notes = (*notes, note)
    return image_file(
        samples, channels, format=kind, alpha=alpha, notes=notes, orientation=orientation
    )


def read_16_bit_colours(
    path: PathLike, file: BinaryIO, kind: str, max_bytes: int, notes: tuple[str, ...] = ()
) -> ImageFile:
    """Read a PNG or TIFF file of 16 bits and several channels.

    Pillow keeps only the high byte of such samples. It reads the very same data as if they were of
    the other byte order, too, and then keeps the low byte: two passes give all 16 bits.

    Parameters, returns and refusals are those of `read_pillow`.
    """
    with decoding(path, kind):
        image = open_pillow(kind, file)
        rawmode = _rawmode(image)
        colours, _, order = rawmode.partition(";16")
        if colours not in ("RGB", "RGBA", "LA") or order not in ("B", "L", "N"):
            raise RefusedFile(f"{path} has 16-bit pixels of an unknown kind: convert it to RGB")
        check_memory(path, image.width * image.height * len(colours) * 2, max_bytes)
        big = order == "B" or (order == "N" and sys.byteorder == "big")
        if colours == "LA":
            # Grey and alpha of 16 bits take four bytes: read them as four channels of 8.
            pairs = _decoded(open_pillow(kind, file), "RGBA")
            samples = pairs[..., 0::2].astype(np.uint16) << 8 | pairs[..., 1::2]
        else:
            samples = _decoded(image, rawmode).astype(np.uint16) << 8
            samples |= _decoded(open_pillow(kind, file), f"{colours};16{'L' if big else 'B'}")
        orientation = 1 if kind == "TIFF" else image.getexif().get(ORIENTATION, 1)
        alpha = None
        if colours == "RGB" and "transparency" in image.info:
            alpha = alpha_from_key(samples, image.info["transparency"])
    channels = GREY if colours == "LA" else RGB
    return image_file(
        samples, channels, format=kind, alpha=alpha, notes=notes, orientation=orientation
    )


def alpha_from_key(samples: Array, key: Any) -> Array:
    """Return the alpha of an image in which one colour stands for transparent."""
    same = samples == np.asarray(key)
    transparent = same if samples.ndim == 2 else same.all(axis=2)
    highest = np.iinfo(samples.dtype).max
    return np.where(transparent, 0, highest).astype(samples.dtype)


def write_pillow(target: Any, samples: Array, mode: str, kind: str, **options: Any) -> None:
    """Write 8-bit samples (H, W) or (H, W, C) in one of Pillow's modes."""
    from PIL import Image

    rows, columns = samples.shape[:2]
    image = Image.frombytes(mode, (columns, rows), np.ascontiguousarray(samples).tobytes())
    image.save(target, format=kind, **options)


def _is_lossy(file: BinaryIO) -> bool:
    """Tell whether a WebP file has a chunk of the lossy kind."""
    file.seek(12)
    while len(start := file.read(8)) == 8:
        name, length = start[:4], int.from_bytes(start[4:], "little")
        # ANMF: the frame of an animation, whose own chunks follow 16 bytes later.
        file.seek(16 if name == b"ANMF" else length + length % 2, 1)
        if name in (b"VP8 ", b"VP8L"):
            return name == b"VP8 "
    return True


def _rawmode(image: "PillowFile") -> str:
    """Return how Pillow would unpack the file's bytes, or nothing if it does not say."""
    args = image.tile[0][3] if image.tile else ""
    return str(args[0] if isinstance(args, tuple) else args)


def _decoded(image: "PillowFile", rawmode: str) -> Array:
    """Decode the image with another way to unpack its bytes."""
    _unpack_as(image, rawmode)
    image.load()
    return np.asarray(image)


def _unpack_as(image: "PillowFile", rawmode: str) -> None:
    """Change how the image's bytes are unpacked when it is loaded."""
    for number, tile in enumerate(image.tile):
        args = (rawmode, *tile[3][1:]) if isinstance(tile[3], tuple) else rawmode
        changed: Any = (*tile[:3], args)
        # A named tuple since Pillow 11, a plain one before.
        image.tile[number] = type(tile)(*changed) if hasattr(tile, "_fields") else changed

"""Damaged files of every kind: an image or one clear refusal, never anything else."""

import io

import numpy as np
import pytest
from making import chunk, noise, png

from kernfit import RefusedFile
from kernfit.io.images import ImageFile, read_image

TRIALS = 120


def _pillow(samples, kind, **options):
    from PIL import Image

    file = io.BytesIO()
    exif = Image.Exif()
    exif[274] = 6
    if kind in ("JPEG", "WEBP", "PNG"):
        options["exif"] = exif
    Image.fromarray(samples).save(file, kind, **options)
    return file.getvalue()


def _tiff(samples, **options):
    import tifffile

    file = io.BytesIO()
    tifffile.imwrite(file, samples, **options)
    return file.getvalue()


def _npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


MAKERS = {
    "png": lambda: png(noise(9, 11, 3), 2, 8, filters=(1, 2, 3, 4)),
    "png 16": lambda: png(noise(9, 11, 4, dtype=np.uint16), 6, 16, interlaced=True),
    "png palette": lambda: png(
        noise(9, 11) % 16,
        3,
        4,
        extra=[
            chunk(b"PLTE", bytes(range(48))),
            chunk(b"tRNS", bytes(9)),
            chunk(b"eXIf", b"II*\0"),
        ],
    ),
    "jpeg": lambda: _pillow(noise(20, 30, 3), "JPEG"),
    "jpeg progressive": lambda: _pillow(noise(20, 30), "JPEG", progressive=True),
    "gif": lambda: _pillow(noise(20, 30), "GIF"),
    "bmp": lambda: _pillow(noise(20, 30, 3), "BMP"),
    "webp": lambda: _pillow(noise(20, 30, 3), "WEBP"),
    "webp lossless": lambda: _pillow(noise(20, 30, 4), "WEBP", lossless=True),
    "tiff": lambda: _tiff(noise(20, 30, dtype=np.uint16)),
    "tiff big endian": lambda: _tiff(noise(20, 30, 3), byteorder=">", photometric="rgb"),
    "tiff deflate": lambda: _tiff(noise(20, 30), compression="zlib", predictor=True),
    "tiff tiles": lambda: _tiff(noise(40, 40), tile=(16, 16)),
    "bigtiff": lambda: _tiff(noise(20, 30), bigtiff=True),
    "tiff lzw": lambda: _pillow(noise(20, 30, 3), "TIFF", compression="tiff_lzw"),
    "tiff fax": lambda: _pillow(noise(20, 30) > 99, "TIFF", compression="group4"),
    "tiff jpeg": lambda: _pillow(noise(20, 30, 3), "TIFF", compression="jpeg"),
    "npy": lambda: _npy(noise(9, 11, dtype=np.int16)),
    "pgm": lambda: b"P5 # comment\n20 30\n255\n" + noise(600).tobytes(),
    "plain ppm": lambda: b"P3 4 5 255\n" + b" ".join(b"%d" % v for v in noise(60)),
}


def _check(path, content):
    path.write_bytes(content)
    try:
        image = read_image(path, max_bytes=2**24)
    except RefusedFile as refusal:
        image, said = None, str(refusal)
    if image is None:
        assert said.startswith(f"{path} ")
        assert "\n" not in said
        assert ": " in said
    else:
        assert isinstance(image, ImageFile)
        assert image.pixels.ndim == 2 or len(image.pixels) == len(image.channels)


@pytest.mark.parametrize("kind", MAKERS)
def test_flipped_bytes(tmp_path, capfd, kind):
    rng = np.random.default_rng(1)
    whole = MAKERS[kind]()
    for _ in range(TRIALS):
        content = np.frombuffer(whole, np.uint8).copy()
        # Half of the damage goes to the header, where it matters most.
        end = len(content) if rng.random() < 0.5 else min(len(content), 200)
        places = rng.integers(0, end, rng.integers(1, 5))
        content[places] = rng.choice([0, 1, 255, rng.integers(256)], len(places))
        _check(tmp_path / "a.bin", content.tobytes())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", MAKERS)
def test_truncated(tmp_path, capfd, kind):
    whole = MAKERS[kind]()
    for length in np.unique(np.linspace(1, len(whole) - 1, 60).astype(int)):
        _check(tmp_path / "a.bin", whole[:length])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", MAKERS)
def test_repeated_and_overwritten(tmp_path, capfd, kind):
    rng = np.random.default_rng(2)
    whole = MAKERS[kind]()
    for _ in range(40):
        start, length = rng.integers(0, len(whole), 2)
        piece = rng.bytes(int(length) % 64)
        _check(tmp_path / "a.bin", whole[:start] + piece + whole[start:])
        _check(tmp_path / "a.bin", whole[:start] + piece + whole[start + len(piece) :])
    assert capfd.readouterr() == ("", "")

"""Refusals and choices that do not depend on one format."""

import os

import numpy as np
import pytest
from making import noise, png

from kernfit import InvalidInput, RefusedFile
from kernfit.io.images import ImageFile, read_image, write_image

TURNED = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).T,
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg", "lzw.tif"])
def test_orientation(tmp_path, suffix, orientation):
    from PIL import Image, ImageOps

    path = tmp_path / f"a{suffix}"
    blocks = np.kron(np.array([[0, 60, 120], [250, 190, 130]]), np.ones((8, 8)))
    picture = Image.fromarray(blocks.astype(np.uint8))
    if "tif" in suffix:
        options = {"compression": "tiff_lzw"} if "lzw" in suffix else {}
        picture.save(path, tiffinfo={274: orientation}, **options)
    else:
        exif = Image.Exif()
        exif[274] = orientation
        picture.save(path, exif=exif, **({"lossless": True} if suffix == ".webp" else {}))
    image = read_image(path)
    pixels = image.pixels if image.pixels.ndim == 2 else image.pixels[0]
    want = TURNED[orientation](blocks)
    assert pixels.shape == want.shape
    assert np.abs(pixels - want).max() <= (3 if suffix == ".jpg" else 0)
    if suffix == ".png":  # that the table above is right
        with Image.open(path) as other:
            np.testing.assert_array_equal(pixels, np.asarray(ImageOps.exif_transpose(other)))
    said = [note for note in image.notes if "rientation" in note]
    if orientation > 1:
        assert len(said) == 1
        assert said[0].startswith(f"Orientation {orientation} is applied: ")
    else:
        assert said == []


@pytest.mark.parametrize("orientation", [0, 9, 65535])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_orientation_without_meaning(tmp_path, suffix, orientation):
    from PIL import Image

    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(noise(4, 6)).save(tmp_path / f"a{suffix}", exif=exif)
    image = read_image(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(image.pixels, noise(4, 6))
    assert image.notes == ()


def test_orientation_turns_alpha_too(tmp_path):
    from PIL import Image

    samples = noise(4, 6, 4)
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(samples).save(tmp_path / "a.png", exif=exif)
    image = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(image.pixels[1], np.rot90(samples[..., 1], -1))
    np.testing.assert_array_equal(image.alpha, np.rot90(samples[..., 3], -1))
    assert image.notes[-1] == "Orientation 6 is applied: rotated by 90 degrees clockwise."


def test_the_arrays_are_plain(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(noise(4, 6, 4), 6, 8))
    image = read_image(path)
    assert isinstance(image, ImageFile)
    assert image.format == "PNG"
    for array in (image.pixels, image.alpha):
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert array.dtype.isnative
    with pytest.raises(AttributeError):
        image.pixels = image.alpha


def test_the_content_decides_not_the_suffix(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(png(noise(4, 6), 0, 8))
    assert read_image(path).format == "PNG"
    assert read_image(str(path)).format == "PNG"


@pytest.mark.parametrize(
    "content",
    [
        b"hello, world\n",
        b"\0" * 100,
        b"PK\3\4" + b"x" * 99,
        b"%!PS-Adobe-3.0 EPSF",
        b"<svg/>",
        b"P",
    ],
)
def test_other_kinds(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(RefusedFile, match=r"a\.png must be an image \(PNG, .*: convert it to"):
        read_image(path)


def test_what_is_not_a_file(tmp_path):
    with pytest.raises(RefusedFile, match=r"none\.png does not exist: check the name"):
        read_image(tmp_path / "none.png")
    with pytest.raises(RefusedFile, match=r"must be a file, but it is a folder: name a file"):
        read_image(tmp_path)
    (tmp_path / "empty.png").touch()
    with pytest.raises(RefusedFile, match=r"empty\.png is empty: write or copy"):
        read_image(tmp_path / "empty.png")
    with pytest.raises(RefusedFile, match=r"must be an ordinary file, but it is a device"):
        read_image(os.devnull)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(RefusedFile, match=r"pipe\.png must be an ordinary file"):
        read_image(tmp_path / "pipe.png")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.pgm", "a.ppm"])
@pytest.mark.parametrize("dtype", [np.float32, np.int16, bool, np.uint32])
def test_dtypes_that_a_format_cannot_hold(tmp_path, name, dtype):
    pixels = np.zeros((3, 4, 4) if name == "a.ppm" else (4, 4), dtype)
    with pytest.raises(RefusedFile, match=r"holds unsigned integers of 8.* write \.tif or \.npy"):
        write_image(tmp_path / name, pixels)
    assert list(tmp_path.iterdir()) == []


def test_16_bits_do_not_go_to_jpeg(tmp_path):
    with pytest.raises(RefusedFile, match=r"a\.jpg holds unsigned integers of 8 bits, the pixels"):
        write_image(tmp_path / "a.jpg", np.zeros((4, 4), np.uint16))


def test_booleans_do_not_go_to_tiff(tmp_path):
    with pytest.raises(RefusedFile, match="the pixels are bool"):
        write_image(tmp_path / "a.tif", np.zeros((4, 4), bool))


@pytest.mark.parametrize(
    ("name", "count"),
    [("a.png", 2), ("a.png", 4), ("a.jpg", 4), ("a.bmp", 5), ("a.pgm", 3), ("a.ppm", 1)],
)
def test_channels_that_a_format_cannot_hold(tmp_path, name, count):
    with pytest.raises(RefusedFile, match=rf"{name} cannot hold the channels .*: write \.tif"):
        write_image(tmp_path / name, np.zeros((count, 4, 4), np.uint8))


@pytest.mark.parametrize("name", ["a.jpg", "a.bmp", "a.ppm"])
def test_alpha_that_a_format_cannot_hold(tmp_path, name):
    pixels = np.zeros((3, 4, 4), np.uint8)
    with pytest.raises(RefusedFile, match=r"cannot hold the channels red, green, blue and alpha"):
        write_image(tmp_path / name, pixels, alpha=pixels[0])


def test_npy_has_no_alpha(tmp_path):
    pixels = np.zeros((4, 4), np.uint8)
    with pytest.raises(RefusedFile, match=r"a\.npy cannot tell alpha apart: write"):
        write_image(tmp_path / "a.npy", pixels, alpha=pixels)


@pytest.mark.parametrize("name", ["a", "a.gif", "a.webp", "a.txt", "a.png.gz"])
def test_suffixes_that_are_not_written(tmp_path, name):
    with pytest.raises(RefusedFile, match=r"must end in one of \.png, \.tif"):
        write_image(tmp_path / name, np.zeros((4, 4), np.uint8))


@pytest.mark.parametrize("shape", [(0, 4), (2, 3, 4, 4), (0, 4, 4)])
def test_shapes_that_are_not_images(tmp_path, shape):
    with pytest.raises(InvalidInput, match="pixels must be real numbers of shape"):
        write_image(tmp_path / "a.png", np.zeros(shape, np.uint8))


def test_arguments(tmp_path):
    pixels = np.zeros((4, 4), np.uint8)
    with pytest.raises(InvalidInput, match=r"pixels must be real numbers .* got complex128"):
        write_image(tmp_path / "a.npy", pixels + 0j)
    with pytest.raises(InvalidInput, match="pixels must have at least 2 axes"):
        write_image(tmp_path / "a.png", pixels[0])
    with pytest.raises(InvalidInput, match=r"alpha must be uint8 of shape \(4, 4\).* got uint16"):
        write_image(tmp_path / "a.png", pixels, alpha=pixels.astype(np.uint16))
    with pytest.raises(InvalidInput, match=r"alpha must be .* got uint8 of shape \(3, 4\)"):
        write_image(tmp_path / "a.png", pixels, alpha=pixels[:3])
    with pytest.raises(InvalidInput, match="channels must name 1 channels, got 2 names"):
        write_image(tmp_path / "a.png", pixels, channels=("red", "green"))
    with pytest.raises(InvalidInput, match="quality must be from 1 to 100, got 0"):
        write_image(tmp_path / "a.jpg", pixels, quality=0)
    assert list(tmp_path.iterdir()) == []


def test_one_channel_with_its_axis(tmp_path):
    write_image(tmp_path / "a.png", noise(1, 4, 5))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").pixels, noise(1, 4, 5)[0])


def test_folder_that_is_missing(tmp_path):
    with pytest.raises(RefusedFile, match=r"cannot be written \(No such file"):
        write_image(tmp_path / "none" / "a.png", np.zeros((4, 4), np.uint8))


def test_failure_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    write_image(path, noise(4, 4))
    before = path.read_bytes()

    def fail(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("PIL.Image.Image.save", fail)
    with pytest.raises(RefusedFile, match=r"a\.png cannot be written \(No space left"):
        write_image(path, noise(4, 4, seed=1))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_huge_sizes_are_refused_without_memory(tmp_path):
    import struct
    import tracemalloc

    from making import SIGNATURE, chunk, header

    files = {
        "a.png": SIGNATURE + header(2**31 - 1, 2**31 - 1, 16, 6) + chunk(b"IEND"),
        "a.pgm": b"P5\n999999999 999999999\n65535\n",
        "a.gif": b"GIF89a"
        + struct.pack("<HHBBB", 65535, 65535, 0x80, 0, 0)
        + bytes(6)
        + b","
        + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0)
        + b"\2\0;",
        "a.bmp": b"BM"
        + struct.pack("<IHHI", 54, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, 2**30, 2**30, 1, 24, 0, 0, 1, 1, 0, 0)
        + bytes(99),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        tracemalloc.start()
        with pytest.raises(RefusedFile, match=rf"{name} needs \d+ bytes of memory for its pixels"):
            read_image(tmp_path / name, max_bytes=2**31)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 3e6

import numpy as np
import pytest
from making import lzw_tiff, noise, planes

from kernfit import RefusedFile
from kernfit.io.images import read_image, write_image

tifffile = pytest.importorskip("tifffile")
RGB = ("red", "green", "blue")
CMYK = ("cyan", "magenta", "yellow", "black")
VOLUME = {"volumetric": True, "tile": (16, 16, 16), "photometric": "minisblack"}
EXACT = [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64]


@pytest.fixture
def write_and_read(tmp_path):
    def write(samples, **options):
        tifffile.imwrite(tmp_path / "a.tif", samples, **options)
        return read_image(tmp_path / "a.tif")

    return write


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("shape", [(9, 7), (2, 9, 7), (3, 9, 7), (5, 9, 7), (3, 1, 1)])
@pytest.mark.parametrize("dtype", [*EXACT, np.float16, np.float32, np.float64])
def test_round_trip(tmp_path, dtype, shape, alpha):
    if np.dtype(dtype).kind == "f":
        pixels = np.random.default_rng(0).normal(size=shape).astype(dtype)
        pixels.flat[0] = np.nan
        levels = None
    else:
        pixels = noise(*shape, dtype=dtype)
        levels = (np.iinfo(dtype).min, np.iinfo(dtype).max)
    opacity = pixels.reshape(-1, *shape[-2:])[0][::-1] if alpha else None
    write_image(tmp_path / "a.TIFF", pixels, alpha=opacity)
    image = read_image(tmp_path / "a.TIFF")
    assert image.pixels.dtype == dtype
    np.testing.assert_array_equal(image.pixels, pixels)
    assert image.levels == levels
    if alpha:
        np.testing.assert_array_equal(image.alpha, opacity)
        assert image.alpha.dtype == dtype
    else:
        assert image.alpha is None
        assert image.notes == ()


def test_inks(tmp_path):
    pixels = noise(4, 9, 7, dtype=np.uint16)
    write_image(tmp_path / "a.tif", pixels, channels=CMYK, alpha=pixels[0])
    image = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.pixels, pixels)
    np.testing.assert_array_equal(image.alpha, pixels[0])
    assert image.channels == CMYK
    assert image.notes[0] == "CMYK is kept as four channels; the highest level is full ink."


@pytest.mark.parametrize("compression", [None, "zlib", "packbits", "lzw", "lzma", "zstd"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((40, 30), "u1"),
        ((40, 30), "u2"),
        ((40, 30, 3), "u1"),
        ((40, 30, 3), "u2"),
        ((40, 30, 4), "u2"),
        ((40, 30), "f4"),
    ],
)
def test_compressed(tmp_path, compression, byteorder, shape, dtype):
    if compression not in (None, "zlib") or (compression and dtype == "f4"):
        pytest.importorskip("imagecodecs")  # to write them; reading most needs none
    limit = 100 if dtype == "u1" else 60000
    samples = (np.random.default_rng(0).random(shape) * limit).astype(dtype)
    kind = "rgb" if len(shape) == 3 else "minisblack"
    tifffile.imwrite(
        tmp_path / "a.tif",
        samples,
        byteorder=byteorder,
        compression=compression,
        predictor=compression in ("zlib", "lzw"),
        photometric=kind,
    )
    image = read_image(tmp_path / "a.tif")
    assert image.pixels.dtype == np.dtype(dtype)
    want = samples if samples.ndim == 2 else planes(samples[..., :3])
    np.testing.assert_array_equal(image.pixels, want)
    assert (image.alpha is not None) == (shape[-1] == 4)
    if shape[-1] == 4:
        np.testing.assert_array_equal(image.alpha, samples[..., 3])


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("count", [3, 4])
def test_lzw_of_16_bits(tmp_path, byteorder, count):
    samples = noise(20, 30, count, dtype=np.uint16)
    (tmp_path / "a.tif").write_bytes(lzw_tiff(samples, byteorder))
    image = read_image(tmp_path / "a.tif")
    assert image.pixels.dtype == np.uint16
    np.testing.assert_array_equal(image.pixels, planes(samples[..., :3]))
    assert (image.alpha is not None) == (count == 4)
    if count == 4:
        np.testing.assert_array_equal(image.alpha, samples[..., 3])


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "CMYK", "P", "I;16", "F"])
def test_lzw_written_by_pillow(tmp_path, mode):
    from PIL import Image

    dtype = {"I;16": np.uint16, "F": np.float32}.get(mode, np.uint8)
    count = {"LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}.get(mode, 1)
    samples = noise(20, 30 * count, dtype=np.uint16).astype(dtype)
    picture = Image.frombytes(mode, (30, 20), samples.tobytes())
    if mode == "P":
        picture.putpalette(noise(256, 3).tobytes())
        want = planes(noise(256, 3)[samples])
    else:
        want = samples if count == 1 else planes(samples.reshape(20, 30, count))
    picture.save(tmp_path / "a.tif", compression="tiff_lzw")
    image = read_image(tmp_path / "a.tif")
    assert image.pixels.dtype == dtype
    if mode in ("LA", "RGBA"):
        np.testing.assert_array_equal(image.alpha, want[-1])
        want = want[0] if mode == "LA" else want[:3]
    np.testing.assert_array_equal(image.pixels, want)
    assert len(image.notes) == (mode in ("LA", "RGBA", "CMYK", "P"))


def test_channels_that_pillow_leaves_out(tmp_path):
    codecs = pytest.importorskip("imagecodecs")
    assert codecs.LZW.available
    samples = noise(9, 7, 4)
    options = {"photometric": "rgb", "extrasamples": [0], "compression": "lzw"}
    tifffile.imwrite(tmp_path / "a.tif", samples, **options)
    image = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.pixels, planes(samples[..., :3]))
    assert image.notes == ("Besides red, green, blue, 1 more channels are left out.",)


def test_what_needs_another_package(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(9, 7, dtype=np.int16))
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        tiff.pages[0].tags["Compression"].overwrite(34887)  # LERC

    def refuse(*args, **options):
        raise ValueError("<COMPRESSION.LERC: 34887> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", refuse)
    with pytest.raises(RefusedFile, match=r"a\.tif .* needs the package imagecodecs: install it"):
        read_image(path)


def test_jpeg_inside(tmp_path):
    from PIL import Image

    y, x = np.mgrid[:40, :48]
    samples = np.stack([x * 4, y * 6, x + y], axis=-1).astype(np.uint8)
    Image.fromarray(samples).save(tmp_path / "a.tif", compression="jpeg", quality=95)
    image = read_image(tmp_path / "a.tif")
    assert np.abs(image.pixels - planes(samples).astype(int)).max() < 20
    assert image.notes == ("JPEG is lossy: the values are near the original ones, not equal.",)


@pytest.mark.parametrize("options", [{"tile": (16, 16)}, {"rowsperstrip": 7}, {"bigtiff": True}])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_layouts(write_and_read, options, planar):
    samples = noise(3, 40, 35, dtype=np.uint16)
    content = samples if planar == "separate" else np.moveaxis(samples, 0, -1)
    image = write_and_read(content, photometric="rgb", planarconfig=planar, **options)
    np.testing.assert_array_equal(image.pixels, samples)
    assert image.channels == RGB


def test_white_is_zero(write_and_read):
    image = write_and_read(noise(9, 7), photometric="miniswhite")
    np.testing.assert_array_equal(image.pixels, 255 - noise(9, 7))
    assert image.notes == ("White is zero in the file: grey is turned around.",)


@pytest.mark.parametrize("compression", [None, "group4", "tiff_lzw", "packbits"])
@pytest.mark.parametrize("inverted", [False, True])
def test_one_bit(tmp_path, compression, inverted):
    from PIL import Image

    bits = noise(9, 21) > 99
    info = {262: 0} if inverted else {}
    Image.fromarray(bits).save(tmp_path / "a.tif", compression=compression, tiffinfo=info)
    image = read_image(tmp_path / "a.tif")
    with Image.open(tmp_path / "a.tif") as other:
        np.testing.assert_array_equal(image.pixels, np.asarray(other) * 255)
    assert image.pixels.dtype == np.uint8
    assert "1-bit pixels are turned to 0 and 255." in image.notes


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_palette(write_and_read, dtype):
    table = noise(3, 2 ** (8 * np.dtype(dtype).itemsize), dtype=np.uint16)
    indices = noise(9, 7, dtype=dtype)
    image = write_and_read(indices, photometric="palette", colormap=table)
    np.testing.assert_array_equal(image.pixels, table[:, indices])
    assert image.notes == ("The palette is expanded to red, green and blue.",)
    image = write_and_read(indices, photometric="palette", colormap=table // 256 * 257)
    np.testing.assert_array_equal(image.pixels, table[:, indices] // 256)
    assert image.pixels.dtype == np.uint8
    assert image.levels == (0, 255)


def test_alpha_already_multiplied(write_and_read):
    image = write_and_read(noise(9, 7, 4), photometric="rgb", extrasamples=["assocalpha"])
    np.testing.assert_array_equal(image.alpha, noise(9, 7, 4)[..., 3])
    assert image.notes[0] == "The colours are as stored: already multiplied by alpha."


def test_more_channels(write_and_read):
    samples = noise(9, 7, 6)
    image = write_and_read(samples, photometric="rgb", extrasamples=[0, 2, 0])
    np.testing.assert_array_equal(image.pixels, planes(samples[..., [0, 1, 2, 3, 5]]))
    np.testing.assert_array_equal(image.alpha, samples[..., 4])
    assert image.channels == (*RGB, "channel_4", "channel_5")


def test_pages(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for seed in range(3):
            writer.write(noise(9, 7, seed=seed), contiguous=False)
    image = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.pixels, noise(9, 7, seed=0))
    assert image.notes == ("Only the first of 3 pages is read.",)


def test_stack_of_imagej(write_and_read):
    image = write_and_read(noise(4, 9, 7), imagej=True)
    np.testing.assert_array_equal(image.pixels, noise(4, 9, 7)[0])
    assert image.notes == ("Only the first of 4 pages is read.",)


@pytest.mark.parametrize(
    ("samples", "options", "words"),
    [
        (np.zeros((4, 4), complex), {}, "not read: save it with 8 or 16-bit integers"),
        (
            noise(4, 20, 16),
            {"volumetric": True, "tile": (16, 16, 16), "photometric": "minisblack"},
            "must hold flat images",
        ),
        (noise(4, 4, 3), {"photometric": "cielab"}, "CIELAB.* not read: convert it to grey, RGB"),
    ],
)
def test_kinds_that_are_not_read(write_and_read, samples, options, words):
    with pytest.raises(RefusedFile, match=rf"a\.tif .*{words}"):
        write_and_read(samples, **options)


def test_too_large_is_seen_before_decoding(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(9, 7))
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        tiff.pages[0].tags["ImageWidth"].overwrite(2**31 - 1, dtype="I")
        tiff.pages[0].tags["ImageLength"].overwrite(2**31 - 1, dtype="I")
    with pytest.raises(RefusedFile, match=r"a\.tif needs 4611686014132420609 bytes of memory"):
        read_image(path)
    with pytest.raises(RefusedFile, match=r"a\.tif is cut short"):
        read_image(path, max_bytes=2**63)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.95])
def test_cut_short(tmp_path, compression, part):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(64, 64), rowsperstrip=16, compression=compression)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(RefusedFile, match=r"a\.tif is (cut short|a damaged or unusual TIFF file)"):
        read_image(path)


def test_fewer_bytes_than_pixels(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(64, 64))
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        tiff.pages[0].tags["StripByteCounts"].overwrite(100)
    with pytest.raises(RefusedFile, match=r"a\.tif is cut short"):
        read_image(path)

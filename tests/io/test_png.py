import struct
import zlib

import numpy as np
import pytest
from making import SIGNATURE, chunk, header, noise, planes, png

from kernfit import RefusedFile
from kernfit.io.images import read_image, write_image

RGB = ("red", "green", "blue")


@pytest.fixture
def read(tmp_path):
    def make_and_read(content, **options):
        path = tmp_path / "a.png"
        path.write_bytes(content)
        return read_image(path, **options)

    return make_and_read


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("colour_type", [0, 2, 4, 6])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_all_filters_all_colours(read, dtype, colour_type, interlaced):
    count = {0: 1, 2: 3, 4: 2, 6: 4}[colour_type]
    samples = noise(11, 13, count, dtype=dtype)
    image = read(
        png(
            samples,
            colour_type,
            dtype().itemsize * 8,
            interlaced=interlaced,
            filters=(0, 1, 2, 3, 4),
        )
    )
    colours = 3 if count >= 3 else 1
    want = samples[..., 0] if colours == 1 else planes(samples[..., :3])
    assert image.pixels.dtype == dtype
    np.testing.assert_array_equal(image.pixels, want)
    assert image.channels == (RGB if colours == 3 else ("grey",))
    assert image.levels == (0, np.iinfo(dtype).max)
    if count in (2, 4):
        np.testing.assert_array_equal(image.alpha, samples[..., -1])
        assert image.notes == ("Alpha is kept apart from the colours.",)
    else:
        assert image.alpha is None
        assert image.notes == ()


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_grey_of_few_bits_is_spread(read, depth):
    samples = noise(5, 9) & 2**depth - 1
    image = read(png(samples, 0, depth))
    np.testing.assert_array_equal(image.pixels, samples * (255 // (2**depth - 1)))
    assert image.pixels.dtype == np.uint8
    assert len(image.notes) == 1
    assert "0" in image.notes[0]
    assert "255" in image.notes[0]


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_palette(read, depth):
    palette = noise(2**depth, 3)
    samples = noise(6, 7, seed=1) & 2**depth - 1
    image = read(png(samples, 3, depth, extra=[chunk(b"PLTE", palette.tobytes())]))
    np.testing.assert_array_equal(image.pixels, planes(palette[samples]))
    assert image.notes == ("The palette is expanded to red, green and blue.",)
    assert image.alpha is None


def test_palette_with_transparency(read):
    palette, opacity = noise(4, 3), np.array([0, 77, 255, 3], np.uint8)
    samples = noise(6, 7, seed=1) % 4
    extra = [chunk(b"PLTE", palette.tobytes()), chunk(b"tRNS", opacity.tobytes())]
    image = read(png(samples, 3, 2, extra=extra))
    np.testing.assert_array_equal(image.pixels, planes(palette[samples]))
    np.testing.assert_array_equal(image.alpha, opacity[samples])


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_one_transparent_grey(read, depth):
    samples = noise(5, 6, dtype=np.uint16) & 2**depth - 1
    key = int(samples[2, 3])
    image = read(png(samples, 0, depth, extra=[chunk(b"tRNS", struct.pack(">H", key))]))
    highest = image.levels[1]
    np.testing.assert_array_equal(image.alpha, np.where(samples == key, 0, highest))
    assert image.alpha.dtype == image.pixels.dtype


@pytest.mark.parametrize("depth", [8, 16])
def test_one_transparent_colour(read, depth):
    samples = noise(5, 6, 3, dtype=np.uint16) & 2**depth - 1
    samples[0, 0, :2] = samples[2, 3, :2]  # two of three equal: another colour
    extra = [chunk(b"tRNS", struct.pack(">3H", *samples[2, 3]))]
    image = read(png(samples, 2, depth, extra=extra))
    want = np.full((5, 6), image.levels[1])
    want[2, 3] = 0
    np.testing.assert_array_equal(image.alpha, want)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("shape", [(9, 7), (3, 9, 7), (3, 1, 1), (1, 5000)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_round_trip(tmp_path, dtype, shape, alpha):
    pixels = noise(*shape, dtype=dtype)
    opacity = noise(*shape[-2:], dtype=dtype, seed=1) if alpha else None
    write_image(tmp_path / "a.PNG", pixels, alpha=opacity)
    image = read_image(tmp_path / "a.PNG")
    assert image.pixels.dtype == dtype
    np.testing.assert_array_equal(image.pixels, pixels)
    if alpha:
        np.testing.assert_array_equal(image.alpha, opacity)
    else:
        assert image.alpha is None


def test_16_bits_as_another_program_reads_them(tmp_path):
    cv2 = pytest.importorskip("cv2")
    pixels = noise(3, 2100, 400, dtype=np.uint16)  # more than one block
    write_image(tmp_path / "a.png", pixels)
    other = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(other[..., ::-1], np.moveaxis(pixels, 0, -1))


def test_pages_of_an_animation(tmp_path):
    from PIL import Image

    frames = [Image.fromarray(noise(5, 6, 3, seed=seed)) for seed in range(3)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    image = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(image.pixels, planes(noise(5, 6, 3, seed=0)))
    assert image.notes == ("Only the first of 3 pictures is read.",)


def test_damage_is_seen_by_the_checksum(read):
    content = bytearray(png(noise(20, 20), 0, 8))
    content[60] ^= 1
    with pytest.raises(RefusedFile, match=r"a\.png is damaged \(wrong checksum in b'IDAT'\)"):
        read(bytes(content))


@pytest.mark.parametrize("length", [8, 20, 33, 50, 80, -1, -12])
def test_cut_short(read, length):
    with pytest.raises(RefusedFile, match=r"a\.png is cut short: write or copy"):
        read(png(noise(20, 20), 0, 8)[:length])


def test_missing_pixels(read):
    data = zlib.compress(bytes(21 * 10))
    content = SIGNATURE + header(20, 20, 8, 0) + chunk(b"IDAT", data) + chunk(b"IEND")
    with pytest.raises(RefusedFile, match=r"a\.png is cut short: write or copy"):
        read(content)


def test_more_pixels_than_the_data_can_hold(read):
    data = zlib.compress(bytes(100))
    content = SIGNATURE + header(30000, 30000, 8, 0) + chunk(b"IDAT", data) + chunk(b"IEND")
    with pytest.raises(RefusedFile, match=r"a\.png is cut short"):
        read(content)


def test_too_large(read):
    content = png(noise(20, 20, 3, dtype=np.uint16), 2, 16)
    assert read(content, max_bytes=2400).pixels.shape == (3, 20, 20)
    with pytest.raises(RefusedFile, match=r"a\.png needs 2400 bytes .* the limit is 2399: cut"):
        read(content, max_bytes=2399)


@pytest.mark.parametrize(("depth", "colour_type"), [(8, 1), (8, 5), (3, 0), (0, 0), (32, 2)])
def test_unknown_kinds(read, depth, colour_type):
    content = SIGNATURE + header(2, 2, depth, colour_type) + chunk(b"IEND")
    with pytest.raises(RefusedFile, match=r"a\.png is damaged \(colour type"):
        read(content)


def test_no_header(read):
    with pytest.raises(RefusedFile, match=r"a\.png is damaged \(no header\)"):
        read(SIGNATURE + chunk(b"IEND"))


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP", b"iTXt"])
def test_text_that_swells(read, kind):
    swelling = zlib.compress(bytes(50 * 2**20))
    before = b"key\0\0" if kind != b"iTXt" else b"key\0\1\0\0\0"
    with pytest.raises(RefusedFile, match=r"a\.png is a damaged or unusual PNG file"):
        read(png(noise(4, 4), 0, 8, extra=[chunk(kind, before + swelling)] * 3))

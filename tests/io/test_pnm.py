import numpy as np
import pytest
from making import noise, planes

from kernfit import RefusedFile
from kernfit.io.images import read_image, write_image


@pytest.fixture
def read(tmp_path):
    def make_and_read(content, **options):
        path = tmp_path / "a.pnm"
        path.write_bytes(content)
        return read_image(path, **options)

    return make_and_read


@pytest.mark.parametrize(
    ("content", "pixels", "highest"),
    [
        (b"P1\n3 2\n1 0 1\n0 0 1\n", [[0, 255, 0], [255, 255, 0]], 255),
        (b"P1 3 2 101001", [[0, 255, 0], [255, 255, 0]], 255),
        (b"P2 # a comment\n# another 7\n3 1\n15\n0 7 15", [[0, 7, 15]], 15),
        (b"P2 3 1 4095\n0 # and here 9\n7 4095", [[0, 7, 4095]], 4095),
        (b"P3 1 1 255 1 2 3", [[[1]], [[2]], [[3]]], 255),
        (b"P4\n10 2\n\xa0\x40\x00\xff", [[0, 255, 0] + [255] * 6 + [0], [255] * 8 + [0, 0]], 255),
        (b"P5 3 1 200\n\x00\x07\xc8", [[0, 7, 200]], 200),
        (b"P5 2 1 1000\n\x00\x07\x03\xe8", [[7, 1000]], 1000),
        (b"P6\r1 1\t255\n\x01\x02\x03", [[[1]], [[2]], [[3]]], 255),
        (b"P6 1 1 65535 \x01\x00\x02\x00\xff\xff", [[[256]], [[512]], [[65535]]], 65535),
    ],
)
def test_all_variants(read, content, pixels, highest):
    image = read(content)
    np.testing.assert_array_equal(image.pixels, pixels)
    assert image.levels == (0, highest)
    assert image.pixels.dtype == (np.uint8 if highest < 256 else np.uint16)
    assert image.pixels.dtype.isnative
    assert len(image.notes) == (content[1:2] in b"14")


def test_what_comes_after_is_another_image(read):
    assert read(b"P5 1 1 255\n\x05P5 1 1 255\n\x06").pixels == 5
    assert read(b"P2 1 1 255\n5\n7").pixels == 5


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_round_trip(tmp_path, dtype):
    for name, shape in (("a.pgm", (9, 7)), ("a.ppm", (3, 9, 7))):
        write_image(tmp_path / name, noise(*shape, dtype=dtype))
        image = read_image(tmp_path / name)
        assert image.pixels.dtype == dtype
        np.testing.assert_array_equal(image.pixels, noise(*shape, dtype=dtype))


def test_as_pillow_reads_it(tmp_path):
    from PIL import Image

    write_image(tmp_path / "a.ppm", noise(3, 9, 7))
    with Image.open(tmp_path / "a.ppm") as other:
        np.testing.assert_array_equal(planes(np.asarray(other)), noise(3, 9, 7))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"P5\n", r"is a damaged PNM file \(no size\): write or copy it again"),
        (b"P5 3 x 255\n", r"is a damaged PNM file \(no size\)"),
        (b"P5 3 -3 255\n", r"is a damaged PNM file \(no size\)"),
        (b"P5 0 3 255\n", r"sizes of 1 or more and levels up to 65535, got \[0, 3, 255\]"),
        (b"P5 3 3 65536\n", r"levels up to 65535, got \[3, 3, 65536\]"),
        (b"P5 3 3 255\n12345678", "is cut short: write or copy"),
        (b"P2 3 3 255\n1 2 3 4 5 6 7 8", "is cut short"),
        (b"P2 2 2 255\n1000 2000 3 ", "is a damaged or unusual PNM file"),
        (b"P2 2 2 255\n1 2 x 4 5", "is a damaged or unusual PNM file"),
        (b"P2 2 2 255\n1 2 -3 4 5", "is a damaged or unusual PNM file"),
        (b"P2 2 2 99\n1 2 3 100", "a sample above the highest level, 99"),
        (b"P1 2 2\n1 2 3 0 5 ", "is a damaged or unusual PNM file"),
        (b"P5 999999999 999999999 255\n", "needs 999999998000000001 bytes of memory"),
    ],
)
def test_refusals(read, content, words):
    with pytest.raises(RefusedFile, match=rf"a\.pnm .*{words}"):
        read(content)

import numpy as np
import pytest
from making import noise, planes
from numpy.lib import format as npy_format

from kernfit import RefusedFile
from kernfit.io.images import read_image, write_image
from kernfit.io.npy import read_npy

LARGE = 2**40


@pytest.mark.parametrize("shape", [(), (3,), (4, 5), (2, 3, 4), (0, 3)])
@pytest.mark.parametrize("dtype", ["?", "i1", "u2", ">i4", "<f8", ">f4", "f2"])
def test_as_numpy_reads_it(tmp_path, shape, dtype):
    path = tmp_path / "a.npy"
    array = (np.random.default_rng(0).random(shape) * 100).astype(dtype)
    for content in (array, array.copy(order="F")):
        np.save(path, content)
        found = read_npy(path, max_bytes=LARGE)
        assert found.shape == shape
        assert found.dtype == array.dtype.newbyteorder("=")
        assert found.flags.c_contiguous
        np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_versions(tmp_path, version):
    path = tmp_path / "a.npy"
    with path.open("wb") as file:
        npy_format.write_array(file, noise(3, 4), version=version)
    np.testing.assert_array_equal(read_npy(path, max_bytes=LARGE), noise(3, 4))


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(9, 7), (3, 9, 7), (4, 9, 7), (17, 9, 7)])
def test_round_trip(tmp_path, dtype, shape):
    pixels = (np.random.default_rng(0).random(shape) * 100).astype(dtype)
    write_image(tmp_path / "a.npy", pixels)
    image = read_image(tmp_path / "a.npy")
    assert image.pixels.dtype == dtype
    np.testing.assert_array_equal(image.pixels, pixels)
    assert image.notes == ()
    assert len(image.channels) == (1 if len(shape) == 2 else shape[0])
    assert (image.levels is None) == (np.dtype(dtype).kind == "f")


def test_channels_last(tmp_path):
    np.save(tmp_path / "a.npy", noise(9, 7, 3))
    image = read_image(tmp_path / "a.npy")
    np.testing.assert_array_equal(image.pixels, planes(noise(9, 7, 3)))
    assert image.channels == ("red", "green", "blue")
    assert image.notes == ("The last axis is taken for the channels.",)


@pytest.mark.parametrize("shape", [(1, 9, 7), (9, 7, 1)])
def test_one_channel(tmp_path, shape):
    np.save(tmp_path / "a.npy", noise(9, 7).reshape(shape))
    image = read_image(tmp_path / "a.npy")
    np.testing.assert_array_equal(image.pixels, noise(9, 7))
    assert image.channels == ("grey",)


def test_booleans(tmp_path):
    np.save(tmp_path / "a.npy", noise(9, 7) > 99)
    image = read_image(tmp_path / "a.npy")
    np.testing.assert_array_equal(image.pixels, (noise(9, 7) > 99) * 255)
    assert image.pixels.dtype == np.uint8
    assert image.notes == ("True and False are turned to 255 and 0.",)


@pytest.mark.parametrize("shape", [(), (3,), (2, 2, 2, 2), (0, 3), (3, 0, 2)])
def test_shapes_that_are_not_images(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.zeros(shape))
    with pytest.raises(RefusedFile, match=r"a\.npy must hold an image of shape \(rows, columns\)"):
        read_image(tmp_path / "a.npy")


class Trap:
    """An object that would leave a trace if it were unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


@pytest.mark.parametrize(
    "array",
    [
        np.array([[Trap()]], object),
        np.zeros((2, 2), complex),
        np.zeros((2, 2), [("a", "f8")]),
        np.zeros((2, 2), "U3"),
        np.zeros((2, 2), "M8[s]"),
    ],
)
def test_dtypes_that_are_not_read(tmp_path, array):
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(RefusedFile, match=r"a\.npy must hold integers or real .* got dtype"):
        read_image(tmp_path / "a.npy")


def make_header(shape, descr="<f8", order=False):
    text = repr({"descr": descr, "fortran_order": order, "shape": shape}).encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (make_header((10**6, 10**6)) + bytes(99), "needs 8000000000000 bytes of memory, the limit"),
        (make_header((2**62, 2**62)), "bytes of memory, the limit"),
        (make_header((100, 100)) + bytes(79999), r"is cut short: .*80000 bytes of numbers, 79999"),
        (make_header((-1, -1)), "is not a readable NPY file"),
        (make_header((1.5, 1)), "is not a readable NPY file"),
        (make_header((True, 1)) + bytes(8), "is not a readable NPY file"),
        (make_header([3, 3]), "is not a readable NPY file"),
        (make_header((1, 1), descr="nonsense"), "is not a readable NPY file"),
        (b"\x93NUMPY\3\0" + bytes(100), r"version \(3, 0\) is not 1\.0 or 2\.0"),
        (b"\x93NUMPY\1\0\xff\xff" + b"(" * 65535, "is not a readable NPY file"),
        (b"\x93NUMPY\1\0\x20\x03" + b"(" * 800, "is not a readable NPY file"),
        (b"\x93NUMPY\1", "is not a readable NPY file"),
        (b"\x93NUMPY\1\0\x40\0{__import__('os').abort()}" + b" " * 99, "is not a readable NPY"),
    ],
)
def test_refusals(tmp_path, content, words):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(RefusedFile, match=rf"a\.npy .*{words}"):
        read_image(tmp_path / "a.npy", max_bytes=2**30)

"""The direct method against the definition, at every layout of memory, to the bit where due."""

import mmap
import multiprocessing
import os
import platform
import subprocess
import sys
import threading

import numpy as np
import pytest

from kernfit.correlate.definition import corr2d
from kernfit.correlate.direct.rows import SUPPORTED_PAIRS, correlate_rows
from kernfit.correlate.threads import at_once, for_strips
from kernfit.errors import InvalidInput

PAIRS = sorted(SUPPORTED_PAIRS, key=str)
FLOATS = [pair for pair in PAIRS if pair[0].kind in "fc"]
INTEGERS = [pair for pair in PAIRS if pair[0].kind in "iu"]
F4, F8 = np.dtype("f4"), np.dtype("f8")


def each_pair(pairs=PAIRS):
    return pytest.mark.parametrize("pair", pairs, ids=lambda pair: f"{pair[0]}-{pair[1]}")


def numbers(rng, shape, dtype):
    """Random numbers; integers small enough that no sum overflows int16."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        return rng.integers(0 if dtype.kind == "u" else -5, 6, shape).astype(dtype)
    values = rng.standard_normal(shape)
    if dtype.kind == "c":
        values = values + 1j * rng.standard_normal(shape)
    return values.astype(dtype)


def widest_tap(pair):
    """How large a tap may be, for it is taken as narrow as signed pixels of so many bits."""
    taken = pair[0] if pair[0].itemsize < pair[1].itemsize < 8 else pair[1]
    return int(np.iinfo(f"i{taken.itemsize}").max)


def rounding_bound(image, taps):
    """How far sums in the dtype of `taps` may be from the exact ones."""
    sizes = corr2d(np.abs(image).astype("f8"), np.abs(taps).astype("f8"))
    return (4 * taps.size + 8) * np.finfo(taps.dtype).eps * sizes


def correlated(image, taps, threads=1):
    shape = tuple(n - k + 1 for n, k in zip(image.shape, taps.shape, strict=True))
    out = np.empty(shape, taps.dtype)
    correlate_rows(image, taps, out, threads=threads)
    return out


SHAPES = [
    ((3, 3), (3, 3)),  # one pixel out
    ((5, 90), (1, 4)),
    ((40, 5), (4, 1)),
    ((1, 200), (1, 9)),
    ((70, 1), (3, 1)),
    ((9, 9), (8, 2)),  # a few columns: narrower than a vector
    ((16, 40), (2, 6)),
    ((31, 150), (3, 3)),
    ((23, 99), (5, 5)),
    ((29, 300), (6, 13)),  # taller than a block, broader than the shifts in registers
    ((30, 130), (11, 7)),
    ((131, 140), (127, 127)),
]


@each_pair()
@pytest.mark.parametrize(("shape", "size"), SHAPES)
def test_matches_the_definition(pair, shape, size):
    rng = np.random.default_rng(5)
    image, taps = numbers(rng, shape, pair[0]), numbers(rng, size, pair[1])
    if pair[1] == np.int16:
        taps[(np.arange(taps.size) >= 1000).reshape(size)] = 0
    out = correlated(image, taps)
    wide = np.dtype("c16") if pair[1].kind == "c" else F8 if pair[1].kind == "f" else np.int64
    exact = corr2d(image.astype(wide), taps.astype(wide))
    if pair[1].kind == "i":
        np.testing.assert_array_equal(out, exact)
    else:
        assert np.all(np.abs(out - exact) <= rounding_bound(image, taps))


@pytest.mark.parametrize(
    "pair", [("u1", "u1"), ("f2", "f4"), ("?", "i4"), ("g", "g"), (">f4", "f8")]
)
def test_pairs_without_vector_code_are_right_too(pair):
    rng = np.random.default_rng(0)
    image, taps = (
        rng.integers(0, 2, shape).astype(dtype)
        for shape, dtype in zip([(9, 12), (3, 2)], pair, strict=True)
    )
    np.testing.assert_array_equal(correlated(image, taps), corr2d(image.astype(taps.dtype), taps))


def test_empty_outputs_are_left_alone():
    for shape in [(2, 9), (9, 2), (2, 2)]:
        taps = np.ones((3, 3), F4)
        out = np.empty(tuple(n - 2 for n in shape), F4)
        correlate_rows(np.ones(shape, F4), taps, out, threads=2)
        assert out.size == 0


def test_shapes_that_do_not_fit_are_refused():
    taps = np.ones((3, 3), F4)
    for shape in [(9, 98), (8, 97), (9, 99)]:
        with pytest.raises(InvalidInput, match="out must have the shape"):
            correlate_rows(np.ones((10, 100), F4), taps, np.empty(shape, F4))


# Memory


@each_pair()
def test_any_strides_of_the_image(pair):
    rng = np.random.default_rng(1)
    whole = numbers(rng, (60, 400), pair[0])
    taps = numbers(rng, (4, 3), pair[1])
    views = [
        whole[::-1],
        whole[:, ::-1],
        whole[::3, 5:],
        whole[:, ::2],
        whole.T,
        whole[7:, 13:90],
        np.broadcast_to(whole[:1], (20, 400)),
        np.broadcast_to(whole[:, :1], (60, 80)),
    ]
    for view in views:
        view.flags.writeable = False
        np.testing.assert_array_equal(
            correlated(view, taps, threads=2), correlated(np.array(view, order="C"), taps)
        )


@pytest.mark.parametrize(
    ("pair", "image", "taps"),
    [
        (("u1", "i2"), 255, [[127, 1]]),
        (("u1", "i2"), 255, [[-128, 0]]),
        (("u1", "i2"), 255, [[64, -64, 63], [-63, 1, -1]]),
        (("u1", "i2"), 255, [[-64], [127], [-63]]),
        (("i2", "i4"), -(2**15), [[32767, 32767]]),
        (("i2", "i4"), -(2**15), [[-32768, 32767, -32768], [1, 0, 0]]),
        (("i2", "i4"), 2**15 - 1, [[-32768, -32768], [0, 0]]),
    ],
)
def test_the_largest_products_of_two_taps(pair, image, taps):
    pixels, sums = map(np.dtype, pair)
    taps = np.array(taps, sums)
    image = np.full((9, 300), image, pixels)
    image[4, ::3] = 0
    out = correlated(image, taps)
    np.testing.assert_array_equal(out, corr2d(image.astype(np.int64), taps.astype(np.int64)))


@each_pair([(F4, F4), (np.dtype("u1"), np.dtype("i2"))])
def test_memory_that_is_not_aligned(pair):
    rng = np.random.default_rng(1)
    image, taps = numbers(rng, (20, 120), pair[0]), numbers(rng, (5, 3), pair[1])
    shifted = np.frombuffer(b"x" + image.tobytes(), "u1")[1:].view(pair[0]).reshape(image.shape)
    np.testing.assert_array_equal(correlated(shifted, taps), correlated(image, taps))


@each_pair()
def test_nothing_is_written_outside_and_nothing_outside_counts(pair):
    """Guard bands of NaN around the image and of a sentinel around the output; many shapes."""
    rng = np.random.default_rng(2)
    poison = np.nan if pair[0].kind in "fc" else 100
    for _ in range(60):
        size = tuple(rng.integers(1, 12, 2))
        height, width = rng.integers(1, (24, 160))
        shape = (height + size[0] - 1, width + size[1] - 1)
        margins = rng.integers(0, 9, 4)
        field = np.full((shape[0] + 20, shape[1] + 20), poison, pair[0])
        inside = (
            slice(margins[0], margins[0] + shape[0]),
            slice(margins[1], margins[1] + shape[1]),
        )
        field[inside] = numbers(rng, shape, pair[0])
        paper = np.full((height + 20, width + 20), 77, pair[1])
        window = (slice(margins[2], margins[2] + height), slice(margins[3], margins[3] + width))
        taps = numbers(rng, size, pair[1])
        correlate_rows(field[inside], taps, paper[window])
        np.testing.assert_array_equal(paper[window], correlated(field[inside].copy(), taps))
        paper[window] = 77
        assert np.all(paper == 77)


@pytest.mark.skipif(sys.platform != "linux", reason="protects memory through libc")
def test_no_read_beyond_the_last_pixel_nor_before_the_first():
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    page = mmap.PAGESIZE
    memory = mmap.mmap(-1, 6 * page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for guard in (address, address + 5 * page):
        assert libc.mprotect(ctypes.c_void_p(guard), page, 0) == 0
    rng = np.random.default_rng(3)
    for dtype, sums in [("f4", "f4"), ("u1", "i2"), ("i2", "i4"), ("f8", "f8")]:
        held = np.frombuffer(memory, "u1")[page : 5 * page].view(dtype)
        for shape, size in [
            ((9, 80), (3, 3)),
            ((12, 33), (5, 5)),
            ((1, 70), (1, 3)),
            ((7, 9), (2, 4)),
        ]:
            count = shape[0] * shape[1]
            taps = numbers(rng, size, sums)
            for part in (held[:count], held[-count:]):
                image = part.reshape(shape)
                image[:] = numbers(rng, shape, dtype)
                np.testing.assert_array_equal(
                    correlated(image, taps), correlated(image.copy(), taps)
                )


# Values


@each_pair(FLOATS)
@pytest.mark.parametrize("size", [(3, 3), (1, 5), (6, 2), (13, 14)])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_in_its_footprint(pair, size, value):
    rng = np.random.default_rng(4)
    image, taps = numbers(rng, (40, 120), pair[0]), numbers(rng, size, pair[1])
    taps[0, 0] = 0  # zero times infinity is NaN, and belongs to the footprint
    clean = correlated(image, taps)
    image[20, 70] = value
    out = correlated(image, taps)
    touched = np.zeros(out.shape, bool)
    touched[20 - size[0] + 1 : 21, 70 - size[1] + 1 : 71] = True
    assert not np.isfinite(out[touched]).any()
    np.testing.assert_array_equal(out[~touched], clean[~touched])


@each_pair(INTEGERS)
def test_integers_are_exact_up_to_the_range_of_the_sums(pair):
    """Of taps that are as narrow as pixels, where two are taken at once."""
    most = int(np.iinfo(pair[1]).max)
    brightest = min(int(np.iinfo(pair[0]).max), most)
    top = min(most // brightest, widest_tap(pair))
    taps = np.array([[top, -1], [1 - top, 0]], pair[1])
    image = np.zeros((12, 90), pair[0])
    image[3:9, 5:70] = brightest
    image[5, 6::7] = brightest // 2
    exact = sum(  # in Python's integers
        image[a : a + 11, b : b + 89].astype(object) * int(tap)
        for (a, b), tap in np.ndenumerate(taps)
    )
    assert brightest * top == exact.max() <= most
    np.testing.assert_array_equal(correlated(image, taps), exact.astype(pair[1]))


@each_pair([pair for pair in INTEGERS if pair[1] == np.int64])
def test_integers_wrap_around(pair):
    image = np.full((3, 80), np.iinfo(pair[0]).max, pair[0])
    taps = np.full((2, 2), np.iinfo(pair[1]).max, pair[1])
    bits = 8 * pair[1].itemsize
    total = 4 * int(image[0, 0]) * int(taps[0, 0])
    wrapped = (total + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
    assert np.all(correlated(image, taps) == wrapped)


# The same bits however the work is cut


@each_pair(FLOATS)
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (3, 3), (5, 5), (7, 9), (12, 6)])
def test_any_tile_of_the_output_has_the_same_bits(pair, size):
    rng = np.random.default_rng(6)
    image, taps = numbers(rng, (50, 340), pair[0]), numbers(rng, size, pair[1])
    whole = correlated(image, taps)
    for _ in range(40):
        top, left = (int(rng.integers(0, n)) for n in whole.shape)
        bottom, right = (
            int(rng.integers(start + 1, n + 1))
            for start, n in zip((top, left), whole.shape, strict=True)
        )
        part = image[top : bottom + size[0] - 1, left : right + size[1] - 1]
        tile = correlated(part, taps)
        assert tile.tobytes() == whole[top:bottom, left:right].tobytes()


@each_pair()
def test_any_number_of_threads_gives_the_same_bits(pair):
    rng = np.random.default_rng(7)
    image, taps = numbers(rng, (401, 1003), pair[0]), numbers(rng, (5, 4), pair[1])
    expected = correlated(image, taps).tobytes()
    for threads in (2, 3, 7, 500):
        assert correlated(image, taps, threads).tobytes() == expected


def test_many_python_threads_at_once():
    rng = np.random.default_rng(8)
    image = numbers(rng, (800, 900), F4)
    kernels = [numbers(rng, (n, 4), F4) for n in range(1, 9)]
    expected = [correlated(image, taps).tobytes() for taps in kernels]
    wrong = []

    def use(n):
        same = (correlated(image, kernels[n], 3).tobytes() == expected[n] for _ in range(10))
        if not all(same):
            wrong.append(n)

    users = [threading.Thread(target=use, args=(n,)) for n in range(len(kernels))]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert not wrong


# The pool


def test_strips_cover_the_rows_once():
    for rows in (1, 2, 7, 100):
        for threads in (1, 2, 5, 200):
            counts = np.zeros(rows, int)

            def work(first, stop, counts=counts):
                counts[first:stop] += 1

            for_strips(work, rows, threads)
            assert (counts == 1).all()
    for_strips(pytest.fail, 0, 4)


def test_an_error_in_a_strip_reaches_the_caller():
    def work(first, stop):
        raise ZeroDivisionError(f"{first} to {stop}")

    for threads in (1, 4):
        with pytest.raises(ZeroDivisionError):
            for_strips(work, 50, threads)


def test_a_strip_may_ask_for_strips_of_its_own():
    done = []

    def inner(first, stop):
        done.append(stop - first)

    for_strips(lambda first, stop: for_strips(inner, stop - first, 8), 1000, 40)
    assert sum(done) == 1000


def test_calls_at_once_give_what_each_gives():
    for threads in (1, 2):
        assert at_once(lambda: 1, lambda: "two", lambda: None, threads=threads) == [1, "two", None]


def _check_in_child(image, taps, expected):
    # _exit: no more of the test run may happen in the child.
    os._exit(0 if correlated(image, taps, threads=2).tobytes() == expected else 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_works_after_a_fork():
    rng = np.random.default_rng(9)
    image, taps = numbers(rng, (900, 1000), F4), numbers(rng, (5, 5), F4)
    expected = correlated(image, taps, threads=2).tobytes()
    child = multiprocessing.get_context("fork").Process(
        target=_check_in_child, args=(image, taps, expected)
    )
    child.start()
    child.join(60)
    assert child.exitcode == 0


# Other processors

NARROW = """
import numpy as np
from kernfit.correlate.definition import corr2d
from kernfit.correlate.direct.rows import SUPPORTED_PAIRS, correlate_rows
from kernfit import Kernel, correlate2d
from kernfit.correlate.vectors.strips import vector_bytes
assert vector_bytes() == {width}, vector_bytes()
rng = np.random.default_rng(0)
for pixels, sums in [("f4", "f4"), ("u1", "i2"), ("i2", "i4"), ("i8", "i8")]:
    for shape, size in [((20, 70), (3, 3)), ((25, 90), (7, 10)), ((6, 9), (2, 5))]:
        image = rng.integers(0, 9, shape).astype(pixels)
        taps = rng.integers(-9, 9, size).astype(sums)
        out = np.empty((shape[0] - size[0] + 1, shape[1] - size[1] + 1), sums)
        correlate_rows(image, taps, out)
        np.testing.assert_array_equal(out, corr2d(image.astype(sums), taps))
for n in range(200):  # images of any width, from narrower than a vector to several blocks
    image = rng.integers(0, 9, rng.integers(1, (30, 150))).astype(["f4", "f8", "u1"][n % 3])
    taps = rng.integers(-3, 4, rng.integers(1, 9, 2)).astype(["f4", "f8", "i8"][n % 3])
    padded = np.pad(image, [(k - 1, k - 1) for k in taps.shape])
    full = correlate2d(image, taps, mode="full", method="direct")
    np.testing.assert_array_equal(full, corr2d(padded.astype(taps.dtype), taps))
image = rng.integers(0, 9, (3, 9, 23)).astype("f4")
kernel = Kernel(rng.integers(-9, 9, (11, 3, 2, 3)).astype("f4"))
results = [correlate2d(image, kernel, method=method) for method in ("channels", "direct")]
np.testing.assert_array_equal(*results)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cpu", "features", "width"),
    [("x86-64", "", 16), ("x86-64-v3", "+avx,+avx2,+fma", 32)],
)
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names x86 processors")
def test_processors_without_wide_vectors(cpu, features, width):
    if width == 32 and "avx2" not in _host_features():
        pytest.skip("this processor has no AVX2")
    settings = {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": features}
    done = subprocess.run(
        [sys.executable, "-c", NARROW.format(width=width)],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _host_features():
    import llvmlite.binding

    return [name for name, on in llvmlite.binding.get_host_cpu_features().items() if on]

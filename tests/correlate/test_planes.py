"""Whole planes in one call: borders, batches and banks, at every layout of memory."""

import mmap
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from kernfit.correlate import conv2d, correlate2d, make_plan
from kernfit.correlate.direct.rows import COMPILED_PAIRS, compiled_planes, compiled_strip
from kernfit.correlate.run import run_samples
from kernfit.errors import InvalidInput
from kernfit.heap import LARGE
from kernfit.kernel import Kernel

BOUNDARIES = ["constant", "edge", "reflect", "symmetric", "wrap"]
DTYPES = [("f4", "f4"), ("f8", "f8"), ("u1", "i8")]


def numbers(rng, shape, dtype):
    if np.dtype(dtype).kind in "iu":
        return rng.integers(0 if np.dtype(dtype).kind == "u" else -3, 4, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def by_tiles(plan, image):
    """The result by the other way, which gathers each tile on its own."""
    out = np.empty(plan.shape, plan.dtype)
    run_samples(plan.work, image, None, out)
    return out


@pytest.mark.parametrize("dtypes", DTYPES, ids=str)
def test_the_same_bits_as_tile_by_tile(dtypes):
    rng = np.random.default_rng(0)
    for n in range(300):
        shape = tuple(rng.integers(1, (40, 300)))
        taps = numbers(rng, tuple(rng.integers(1, (9, 12))), dtypes[1])
        pads = rng.integers(0, (9, 90)).tolist(), rng.integers(0, 20, 2).tolist()
        options = {
            "boundary": tuple(rng.choice(BOUNDARIES, 2).tolist()),
            "padding": tuple(map(tuple, pads)),
            "fill_value": int(rng.integers(0, 3)),
            "method": "direct",
            "threads": 1 + n % 3,
        }
        image = numbers(rng, shape, dtypes[0])
        if n % 4 == 1:
            image = numbers(rng, (shape[0], 2 * shape[1]), dtypes[0])[:, ::-2]
        plan = make_plan(image.shape, image.dtype, taps, **options)
        if not np.prod(plan.shape):
            continue
        assert plan.straight is not None
        right = by_tiles(plan, image).tobytes()
        assert plan(image).tobytes() == right
        wide = np.full((plan.shape[0] + 2, 2 * plan.shape[1] + 3), 77, plan.dtype)
        before = wide.copy()
        out = wide[1:-1, 1:-2:2]
        plan(image, out=out)
        assert out.tobytes() == right
        before[1:-1, 1:-2:2] = out
        np.testing.assert_array_equal(wide, before)  # nothing else was written
        paper = np.full(np.prod(plan.shape) + 200, 77, plan.dtype)
        plan(image, out=paper[100:-100].reshape(plan.shape))
        assert paper[100:-100].tobytes() == right
        assert (paper[:100] == 77).all()
        assert (paper[-100:] == 77).all()


@pytest.mark.parametrize("dtypes", DTYPES, ids=str)
def test_a_border_wider_than_the_image(dtypes):
    rng = np.random.default_rng(5)
    for columns in (1, 9, 20, 33, 50):
        for before, after in ((150, 150), (1000, 3), (0, 900), (700, 701)):
            image = numbers(rng, (7, columns), dtypes[0])
            taps = numbers(rng, (3, 5), dtypes[1])
            options = {"padding": ((1, 1), (before, after)), "method": "direct"}
            plan = make_plan(image.shape, image.dtype, taps, **options)
            assert plan(image).tobytes() == by_tiles(plan, image).tobytes()


def test_wide_images_in_pieces():
    rng = np.random.default_rng(1)
    image, taps = numbers(rng, (70, 9000), "f4"), numbers(rng, (5, 7), "f4")
    for boundary in ("constant", "reflect"):
        options = {"mode": "full", "boundary": boundary, "method": "direct"}
        plan = make_plan(image.shape, image.dtype, taps, **options)
        assert plan(image).tobytes() == by_tiles(plan, image).tobytes()
        for threads in (1, 2, 5):
            out = correlate2d(image, taps, **options, threads=threads)
            assert out.tobytes() == plan(image).tobytes()


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("batch", [(), (2,), (2, 3), (1, 0)])
def test_batches_and_banks(batch, threads):
    rng = np.random.default_rng(2)
    taps = numbers(rng, (3, 4), "f4")
    image = numbers(rng, (*batch, 14, 50), "f4")
    out = correlate2d(image, taps, mode="same", boundary="wrap", threads=threads, method="direct")
    for at in np.ndindex(batch):
        one = correlate2d(image[at], taps, mode="same", boundary="wrap", method="direct")
        np.testing.assert_array_equal(out[at], one)
    turned = np.moveaxis(np.array(np.moveaxis(image, 0, -1)), -1, 0) if batch else image
    np.testing.assert_array_equal(
        correlate2d(turned, taps, mode="same", boundary="wrap", method="direct"), out
    )


@pytest.mark.parametrize("each", [1, 3])
@pytest.mark.parametrize("samples", [1, 4])
def test_each_channel_has_its_own_kernels_and_bias(samples, each):
    rng = np.random.default_rng(3)
    x = numbers(rng, (samples, 5, 13, 40), "f8")
    w, bias = numbers(rng, (5 * each, 1, 3, 5), "f8"), numbers(rng, 5 * each, "f8")
    for threads in (1, 2):
        y = conv2d(x, w, bias, padding=2, groups=5, threads=threads)
        for n, o in np.ndindex(samples, 5 * each):
            pads = ((2, 2), (2, 2))
            one = correlate2d(x[n, o // each], w[o, 0], padding=pads, method="direct")
            np.testing.assert_array_equal(y[n, o], one + bias[o])


@pytest.mark.skipif(sys.platform != "linux", reason="protects memory through libc")
@pytest.mark.parametrize("dtypes", DTYPES, ids=str)
def test_no_read_beyond_the_image_nor_before_it(dtypes):
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    page = mmap.PAGESIZE
    memory = mmap.mmap(-1, 6 * page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for guard in (address, address + 5 * page):
        assert libc.mprotect(ctypes.c_void_p(guard), page, 0) == 0
    held = np.frombuffer(memory, "u1")[page : 5 * page].view(dtypes[0])
    rng = np.random.default_rng(4)
    for shape in [(7, 9), (9, 80), (12, 33), (1, 300), (5, 290)]:
        for size in [(1, 1), (3, 3), (2, 5), (6, 4)]:
            taps = numbers(rng, size, dtypes[1])
            for part in (held[: np.prod(shape)], held[-np.prod(shape) :]):
                image = part.reshape(shape)
                image[:] = numbers(rng, shape, dtypes[0])
                for boundary in ("constant", "reflect"):
                    options = {"mode": "same", "boundary": boundary, "method": "direct"}
                    np.testing.assert_array_equal(
                        correlate2d(image, taps, **options),
                        correlate2d(image.copy(), taps, **options),
                    )


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1"])
@pytest.mark.parametrize("width", [2048, 2055])  # rows of whole lines of the cache, and others
def test_results_too_large_for_the_cache_have_the_same_bits(dtype, width):
    rng = np.random.default_rng(4)
    each = 2 if dtype == "u1" else np.dtype(dtype).itemsize
    height = LARGE // (each * width) + 9
    x = rng.integers(0, 256, (height, width)).astype(dtype)
    taps = rng.integers(-4, 5, (4, 3)).astype("i4" if dtype == "u1" else dtype)
    half = height // 2
    top = correlate2d(x[: half + 2], taps, mode="same", threads=1)[:half]
    bottom = correlate2d(x[half - 2 :], taps, mode="same", threads=1)[2:]
    assert max(top.nbytes, bottom.nbytes) < LARGE
    right = np.concatenate([top, bottom])
    assert right.nbytes >= LARGE
    out = np.zeros(right.size + 64, right.dtype)[3 : right.size + 3].reshape(right.shape)
    for result in (
        correlate2d(x, taps, mode="same", threads=1),
        correlate2d(x, taps, mode="same", threads=2),
        correlate2d(x, taps, mode="same", threads=2, out=out),
    ):
        np.testing.assert_array_equal(result, right)


def test_many_planes_too_large_for_the_cache_have_the_same_bits():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((300, 1024)).astype("f4")
    taps = rng.standard_normal((30, 1, 3, 3)).astype("f4")
    result = correlate2d(x[None], Kernel(taps), mode="same", threads=2)
    assert result.nbytes >= LARGE
    for plane, kernel in zip(result, taps, strict=True):
        np.testing.assert_array_equal(plane, correlate2d(x, kernel[0], mode="same", threads=1))


def test_what_would_leave_memory_is_refused():
    f4 = np.dtype("f4")
    assert (f4, f4) in COMPILED_PAIRS
    call, strip = compiled_planes(), compiled_strip(f4, f4)
    image, taps, out = np.zeros((4, 20), f4), np.ones((1, 2, 3), f4), np.zeros((3, 18), f4)
    rows, columns = np.arange(4), np.arange(20)

    def run(**changes):
        right = {
            "image": image, "taps": taps, "out": out, "strip": strip,
            "rows": rows, "columns": columns, "down": 0, "right": 0, "fill": 0,
            "image_step": 0, "out_step": 0, "each": 1, "begin": 0, "end": 1, "first": 0, "stop": 3,
            "large": 0,
        }  # fmt: skip
        call(*vars(SimpleNamespace(**right | changes)).values())

    run()
    for changes in (
        {"taps": np.ones((1, 0, 3), f4)},
        {"out": np.zeros((3, 19), f4)},
        {"rows": rows + 1},
        {"columns": columns - 2},
        {"down": -1},
        {"right": -1},
        {"first": -1},
        {"stop": 4},
    ):
        with pytest.raises(InvalidInput):
            run(**changes)


@pytest.mark.skipif(sys.platform != "linux", reason="sets an option of glibc")
def test_scratch_memory_lives_as_long_as_it_is_needed():
    # With this option freed memory is gone at once, and its use ends the process.
    program = """
import numpy as np
from kernfit import correlate2d, Kernel
x = np.ones((9, 40, 50), "f4")
for method in ("direct", "channels"):
    kernel = Kernel(np.ones((8, 9, 3, 3), "f4"))
    assert correlate2d(x, kernel, mode="full", method=method).max() == 81
one = correlate2d(x[0], np.ones((5, 5), "f4"), mode="same")
assert one.max() == 25 and one[0, 0] == 9
assert correlate2d(x[0, :, :5], np.ones((5, 5), "f4"), mode="same").max() == 25
"""
    settings = os.environ | {"MALLOC_MMAP_THRESHOLD_": "64", "MALLOC_MMAP_MAX_": "100000"}
    done = subprocess.run([sys.executable, "-c", program], env=settings, check=False)
    assert done.returncode == 0

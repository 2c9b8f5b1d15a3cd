"""The transform by itself: against its definition, in every size, and how far it rounds."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import numpy as np
import pytest

from kernfit.correlate.fourier.blocks import correlate_blocks, spectrum_of
from kernfit.correlate.fourier.cells import cell_range
from kernfit.errors import InvalidInput

SIZES = [(n, max(n, 32)) for n in (16, 32, 48, 64, 128, 192, 256, 512)]


def exact(x, k):
    """Valid correlation, in double precision."""
    size = [n + m - 1 for n, m in zip(x.shape, k.shape, strict=True)]
    product = np.fft.fft2(x, size) * np.fft.fft2(k[::-1, ::-1], size)
    tall, broad = k.shape
    return np.fft.ifft2(product)[tall - 1 : x.shape[0], broad - 1 : x.shape[1]]


def correlated(x, k, size, *, add=None):
    """The same by `correlate_blocks`."""
    real = x.real.dtype
    shape = [n - m + 1 for n, m in zip(x.shape, k.shape, strict=True)]
    parts = (x,) if x.dtype.kind == "f" else (x.real, x.imag)
    out = tuple(np.full(shape, np.nan if add is None else add, real) for _ in parts)
    spectrum = spectrum_of(k, size, real)
    correlate_blocks(parts, spectrum, k.shape, out, add=add is not None)
    return out[0] if len(out) == 1 else out[0] + 1j * out[1]


def draw(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape)
    return (x + 1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("size", [*SIZES, (32, 256), (512, 48), (64, 192), (192, 32)])
def test_it_is_a_correlation(size, dtype):
    k = draw((5, 8), dtype, seed=1)
    # Of one block or less, with and without its lower half, of a block and a bit, and of several.
    rows, columns = size
    for height, width in (
        *((2 * rows, columns), (9, 12), (rows + 3, columns + 40), (rows + 4, 12)),
        *((2 * rows + 1, columns), (rows, 2 * columns + 9)),
    ):
        x = draw((height, width), dtype)
        error = abs(correlated(x, k, size) - exact(x, k)).max()
        # Rounding errors add up like independent ones: with the square root of the stages.
        unit = np.finfo(dtype).eps / 2
        assert error <= 20 * unit * np.sqrt(np.log2(size[0] * size[1])) * np.linalg.norm(k)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_taps_as_large_as_a_block(dtype):
    k = draw((64, 64), dtype, seed=1)
    x = draw((67, 66), dtype)
    assert abs(correlated(x, k, (32, 64)) - exact(x, k)).max() <= 500 * np.finfo(dtype).eps


def test_one_tap_copies_the_image_exactly_enough():
    x = draw((100, 90), "f8")
    for size in ((32, 32), (64, 32), (128, 64)):
        result = correlated(x, np.array([[0.0, 0.0], [1.0, 0.0]]), size)
        assert abs(result - x[1:, :-1]).max() <= 1e-14


def test_it_adds():
    x, k = draw((70, 75), "f8"), draw((4, 3), "f8", seed=1)
    whole = correlated(x, k, (32, 64))
    np.testing.assert_allclose(correlated(x, k, (32, 64), add=2.5), whole + 2.5, atol=1e-14)


def test_any_memory_order():
    x, k = draw((70, 75), "f4"), draw((4, 3), "f4", seed=1)
    whole = correlated(x, k, (64, 64))
    wide = np.zeros((140, 150), "f4")
    wide[::2, ::2] = x
    bytes_apart = np.frombuffer(b"-" + x.tobytes(), "u1")[1:].view("f4").reshape(x.shape)
    for same in (np.asfortranarray(x), wide[::2, ::2], x[::-1].copy()[::-1], bytes_apart):
        np.testing.assert_array_equal(correlated(same, k, (64, 64)), whole)


def test_the_halves_of_a_block_do_not_mix():
    # One is the real and one the imaginary part of what is transformed.
    x, k = np.zeros((64, 32), "f8"), np.ones((3, 3))
    x[40:] = 1
    result = correlated(x, k, (32, 32))
    assert abs(result[:38]).max() <= 1e-14
    np.testing.assert_allclose(result[40:], 9, rtol=1e-14)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8"])
def test_pieces_of_any_place_and_nothing_beside_them(dtype):
    rng = np.random.default_rng(5)
    real = np.empty(0, dtype).real.dtype
    for _ in range(150):
        size = SIZES[rng.integers(4)]
        span = size[0] * (1 if np.dtype(dtype).kind == "c" else 2), size[1]
        k = draw([rng.integers(1, n // 2 + 1) for n in span], dtype, seed=1)
        x = draw(rng.integers(1, 150, 2), dtype, seed=2)
        before = [int(rng.integers(-n // 2, m + 9)) for n, m in zip(x.shape, k.shape, strict=True)]
        outputs = rng.integers(1, 150, 2)
        # Zeros around it, and from there as many windows as there are outputs.
        wide = np.zeros((700, 700), dtype)
        wide[200 : 200 + x.shape[0], 200 : 200 + x.shape[1]] = x
        i, j = (200 - n for n in before)
        window = wide[i : i + outputs[0] + len(k) - 1, j : j + outputs[1] + k.shape[1] - 1]
        steps = [n - m + 1 for n, m in zip(span, k.shape, strict=True)]
        down, along = (-(-n // m) for n, m in zip(outputs, steps, strict=True))
        first, stop = sorted(rng.integers(0, down * along + 1, 2))
        parts = (x,) if dtype[0] == "f" else (x.real, x.imag)
        memory = np.full((len(parts), *(outputs + 20)), -7, real)
        out = tuple(part[10:-10, 10:-10] for part in memory)
        spectrum = spectrum_of(k, size, real)
        correlate_blocks(parts, spectrum, k.shape, out, before=before, which=(first, stop))
        expected = np.full(memory.shape, -7, real)
        truth = exact(window, k)
        for n in range(first, stop):
            rows, columns = (
                slice(at * m, min((at + 1) * m, most))
                for at, m, most in zip(divmod(n, along), steps, outputs, strict=True)
            )
            for target, part in zip(expected, (truth.real, truth.imag), strict=False):
                target[10:-10, 10:-10][rows, columns] = part[rows, columns]
        assert abs(memory - expected).max() <= 500 * np.finfo(dtype).eps * np.linalg.norm(k)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_windows_may_reach_round_a_block_to_zeros(dtype):
    # 64 rows of pixels, 63 of zeros on either side, in a block of 128.
    x, k = draw((64, 64), dtype), draw((127, 127), dtype, seed=1)
    out = np.empty((64, 64), dtype)
    spectrum = spectrum_of(k, (64, 128), np.dtype(dtype))
    correlate_blocks((x,), spectrum, (65, 65), (out,), before=(63, 63))
    truth = exact(np.pad(x.astype("f8"), 63), k)
    assert abs(out - truth).max() <= 1000 * np.finfo(dtype).eps


def test_what_does_not_fit_is_refused():
    x, out = np.zeros((70, 70)), np.zeros((60, 60))
    spectrum = spectrum_of(np.ones((5, 5)), (32, 64), np.dtype("f8"))
    for taps, options in (
        *(((5, 5), {"which": which}) for which in ((-1, 0), (0, 2), (1, 0))),
        *(((5, 5), {"ranges": np.zeros(shape)}) for shape in ((1, 2), (2, 3), (0, 3))),
        *((taps, {}) for taps in ((65, 5), (5, 65), (0, 5))),
    ):
        with pytest.raises(InvalidInput):
            correlate_blocks((x,), spectrum, taps, (out,), **options)
    still = out.copy()
    still.flags.writeable = False
    for source, target in (
        *((x.astype("f4"), out), (x, out.astype("f4")), (x, still)),
        *((x, np.zeros((60, 120))[:, ::2]), (x, np.asfortranarray(out))),
    ):
        with pytest.raises(InvalidInput):
            correlate_blocks((source,), spectrum, (5, 5), (target,))
    with pytest.raises(InvalidInput):
        correlate_blocks((x,), spectrum, (5, 5), (out,), ranges=np.zeros((1, 3), "f4"))
    with pytest.raises(InvalidInput):
        correlate_blocks((x, x[1:]), spectrum, (5, 5), (out, out))
    with pytest.raises(InvalidInput):
        correlate_blocks((x, x), spectrum, (5, 5), (out, out[1:]))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_ranges_of_blocks(dtype):
    x, k = draw((90, 200), dtype), draw((1, 1), dtype, seed=1)
    x[16:32, 32:48] = 0
    x[3, 140] = 1e6
    x[70, 3] = np.inf
    x[80, 190] = np.nan
    size = (32, 64)
    ranges = np.full((8, 3), (np.inf, 0, 0), dtype)
    correlate_blocks(
        (x,), spectrum_of(k, size, np.dtype(dtype)), (1, 1), (x.copy(),), ranges=ranges
    )
    for n, found in enumerate(ranges):
        block = abs(x[n // 4 * 64 :, n % 4 * 64 :][:64, :64])
        side = np.minimum(16, 256 // x.itemsize)
        cells = [
            block[i : i + 16, j : j + side].max()
            for i in range(0, len(block), 16)
            for j in range(0, block.shape[1], side)
        ]
        assert found[0] == min(cell for cell in cells if cell > 0)
        np.testing.assert_equal(found[1], max(cells) if not np.isnan(cells).any() else np.nan)
        assert found[2] == cells.count(0)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_the_range_of_cells(dtype):
    x = draw((70, 75), dtype)
    cells = [
        abs(x[i : i + 16, j : j + 16]).max() for i in range(0, 70, 16) for j in range(0, 75, 16)
    ]
    assert cell_range(x, 16) == (min(cells), max(cells), False)
    x[16:32, 32:48] = 0
    x[0, 0] = -np.inf
    least, most, zeros = cell_range(x, 16)
    assert (most, zeros) == (np.inf, True)
    assert least > 0
    x[69, 74] = np.nan
    assert np.isnan(cell_range(x, 16)[1])
    assert cell_range(x[:, :9], 16) is None
    assert cell_range(x.T, 16) is None
    assert np.isnan(cell_range(np.zeros((64, 64), dtype), 16)[0])


NARROW = """
import numpy as np
from kernfit import Kernel
from kernfit.correlate import correlate2d
from kernfit.correlate.vectors.strips import vector_bytes
assert vector_bytes() == {width}, vector_bytes()
rng = np.random.default_rng(0)
image, taps = rng.normal(size=(90, 170)), rng.normal(size=(7, 10))
for dtype, error in (("f4", 1e-4), ("f8", 1e-12)):
    image, taps = image.astype(dtype), taps.astype(dtype)
    fourier = correlate2d(image, taps, method="fourier")
    direct = correlate2d(image, taps, method="direct")
    np.testing.assert_allclose(fourier, direct, rtol=0, atol=error)
    layer = Kernel(rng.normal(size=(3, 2, 9, 8)).astype(dtype))
    planes = rng.normal(size=(2, 70, 90)).astype(dtype)
    fourier, direct = (correlate2d(planes, layer, method=m) for m in ("fourier", "direct"))
    np.testing.assert_allclose(fourier, direct, rtol=0, atol=5 * error)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cpu", "features", "width"),
    [("x86-64", "", 16), ("x86-64-v3", "+avx,+avx2,+fma", 32)],
)
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names x86 processors")
def test_processors_without_wide_vectors(cpu, features, width):
    if width == 32:
        llvm = pytest.importorskip("llvmlite.binding")
        if not llvm.get_host_cpu_features().get("avx2"):
            pytest.skip("this processor has no AVX2")
    settings = {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": features}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", NARROW.replace("{width}", str(width))],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

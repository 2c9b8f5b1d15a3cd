"""Threads: the same bits for any number of them, from many callers at once, and after a fork."""

from __future__ import annotations

import multiprocessing
import os
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kernfit import Kernel
from kernfit.correlate import conv2d, correlate2d, make_plan, planner

RNG = np.random.default_rng(0)
IMAGE = RNG.normal(size=(203, 190)).astype("f4")
KERNELS = {
    "small": RNG.normal(size=(3, 4)).astype("f4"),
    "smooth": np.outer(np.hanning(9), np.hanning(8)).astype("f4"),
    "large": RNG.normal(size=(17, 16)).astype("f4"),
}
OPTIONS = (
    {},
    {"mode": "same", "boundary": "reflect"},
    {"mode": "full", "stride": (2, 3)},
    {"dilation": 2, "nan": "omit"},
)


@pytest.fixture(autouse=True)
def _small_images_are_worth_threads(monkeypatch):
    monkeypatch.setattr(planner, "_WORTH_A_THREAD", 1e-12)
    planner._plan.cache_clear()
    yield
    planner._plan.cache_clear()


@pytest.mark.parametrize("method", ["direct", "separable", "fourier"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_same_bits_for_any_number_of_threads(method, kernel):
    image = IMAGE.copy()
    image[100, 100:103] = np.nan
    for options in OPTIONS:
        one = correlate2d(image, KERNELS[kernel], method=method, threads=1, **options)
        for threads in (2, 3, 8, None):
            many = correlate2d(image, KERNELS[kernel], method=method, threads=threads, **options)
            np.testing.assert_array_equal(many, one)


def test_same_bits_for_integers_batches_and_layers():
    image = RNG.integers(0, 256, (4, 60, 61), dtype="u1")
    one = correlate2d(image, [[1, 2], [3, -4]], mode="same", threads=1)
    np.testing.assert_array_equal(
        correlate2d(image, [[1, 2], [3, -4]], mode="same", threads=4), one
    )
    weight = RNG.normal(size=(2, 4, 3, 3))
    single = conv2d(image[None].astype(float), weight, padding=1, threads=1)
    many = conv2d(image[None].astype(float), weight, padding=1, threads=4)
    np.testing.assert_array_equal(many, single)


@pytest.mark.parametrize("method", ["direct", "separable"])
def test_same_bits_for_any_tiling(method):
    kernel = KERNELS["smooth"]
    whole = correlate2d(IMAGE, kernel, method=method)
    for step in (1, 7, 50):
        for top in range(0, len(whole), step * 3):
            rows = IMAGE[top : top + step + kernel.shape[0] - 1]
            part = correlate2d(rows, kernel, method=method)
            np.testing.assert_array_equal(part, whole[top : top + step])
    for left in range(0, whole.shape[1], 13):
        part = correlate2d(IMAGE[:, left:], kernel, method=method)
        np.testing.assert_array_equal(part, whole[:, left:])


def test_many_callers_at_once():
    jobs = [(method, name) for method in ("direct", "separable", "fourier") for name in KERNELS] * 6
    expected = {
        job: correlate2d(IMAGE, KERNELS[job[1]], method=job[0], mode="same") for job in set(jobs)
    }

    def run(job):
        return correlate2d(IMAGE, KERNELS[job[1]], method=job[0], mode="same", threads=3)

    with ThreadPoolExecutor(8) as pool:
        for job, result in zip(jobs, pool.map(run, jobs), strict=True):
            np.testing.assert_array_equal(result, expected[job])


def _in_child(connection):
    connection.send(correlate2d(IMAGE, KERNELS["small"], threads=2))
    connection.send(correlate2d(IMAGE, KERNELS["large"], threads=2, method="fourier"))
    connection.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_after_a_fork():
    expected = [
        correlate2d(IMAGE, KERNELS["small"], threads=2),
        correlate2d(IMAGE, KERNELS["large"], threads=2, method="fourier"),
    ]
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    child = context.Process(target=_in_child, args=(there,))
    child.start()
    for result in expected:
        assert here.poll(60), "the child is stuck"
        np.testing.assert_array_equal(here.recv(), result)
    child.join(60)
    assert child.exitcode == 0


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize(
    ("method", "size", "options"),
    [
        ("direct", (3, 3), {"mode": "same", "boundary": "reflect"}),
        ("direct", (3, 3), {"nan": "omit"}),
        ("direct", (2, 30), {"stride": 4, "dilation": 3}),
        ("separable", (9, 9), {"mode": "full"}),
        ("fourier", (63, 63), {"mode": "same"}),
        ("fourier", (31, 31), {"nan": "omit"}),
        ("fourier", (127, 127), {"mode": "same"}),
        ("fourier", (127, 127), {"nan": "omit"}),
    ],
)
def test_scratch_memory_stays_below_32_mib(method, size, options, threads):
    image = np.ones((1500, 2500), "f4")
    image[700, 800:803] = np.nan
    kernel = np.outer(np.hanning(size[0] + 2)[1:-1], np.hanning(size[1] + 2)[1:-1]).astype("f4")
    if method != "separable":
        kernel[0, 0] += 0.1
    correlate2d(image[:300, :300], kernel, method=method, **options)  # compile first
    tracemalloc.start()
    result = correlate2d(image, kernel, method=method, threads=threads, **options)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - result.nbytes < 32 << 20


@pytest.mark.parametrize(("dtype", "side"), [("f8", 700), ("f4", 1100), ("u1", 700)])
def test_scratch_memory_of_large_kernels_stays_below_32_mib(dtype, side):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 99, (1300, 1400)).astype(dtype)
    taps = rng.integers(-9, 9, (side, side)).astype("i2" if dtype == "u1" else dtype)
    options = {"mode": "same", "threads": 2, "method": "fourier"}
    correlate2d(image[:300, :300], taps[:30, :30], **options)  # compile first
    tracemalloc.start()
    result = correlate2d(image, taps, **options)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - result.nbytes < 32 << 20  # with the spectra, which are kept


def test_scratch_memory_of_layers_stays_below_32_mib():
    image = np.ones((16, 500, 600), "f4")
    for side in (3, 5, 21):
        kernel = Kernel(np.ones((32, 16, side, side)))
        correlate2d(image, kernel, mode="same")  # compile first; spectra of kernels are kept
        tracemalloc.start()
        result = correlate2d(image, kernel, mode="same")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak - result.nbytes < 32 << 20


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("side", [31, 63, 127])
def test_there_is_memory_for_two_threads_whatever_the_kernel(dtype, side):
    taps = np.random.default_rng(0).normal(size=(side, side)).astype(dtype)
    assert make_plan((4096, 4096), dtype, taps, mode="same", threads=2).threads == 2

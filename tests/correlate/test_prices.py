"""Prices follow what the processor has, and what a dtype is, not what it is called."""

from __future__ import annotations

import numpy as np
import pytest

from kernfit.correlate import cost
from kernfit.correlate.axes import axes_of
from kernfit.correlate.dtypes import numbers_for
from kernfit.correlate.methods import _takes_pairs, methods_for_plane
from kernfit.correlate.problem import Problem
from kernfit.correlate.vectors import tap_pairs

AVX = {"sse2", "ssse3", "avx"}
PROCESSORS = {
    "x86-64": (16, {"sse2"}),
    "nehalem": (16, {"sse2", "ssse3"}),
    "sandybridge": (32, AVX),
    "haswell": (32, AVX | {"avx2"}),
    "skylake-avx512": (64, AVX | {"avx2", "avx512f", "avx512bw"}),
    "cortex-a72": (16, {"neon"}),
}


@pytest.fixture(params=sorted(PROCESSORS))
def processor(request, monkeypatch):
    width, features = PROCESSORS[request.param]
    monkeypatch.setattr(tap_pairs, "vector_bytes", lambda: width)
    monkeypatch.setattr(tap_pairs, "cpu_features", lambda: features)
    _takes_pairs.cache_clear()
    yield request.param
    _takes_pairs.cache_clear()


def prices(image, taps):
    rows, columns = axes_of((1024, 1024), taps.shape)
    weights, bias = taps[None, None], np.zeros(1)
    numbers = numbers_for(np.dtype(image), weights, bias)
    problem = Problem(weights, bias, 0, np.dtype(image), numbers, rows, columns, 1, 0)
    return {method.name: method.cost for method in methods_for_plane(problem)}


def test_two_products_at_once_only_where_there_is_an_instruction(processor):
    bytes_too = processor in ("nehalem", "haswell", "skylake-avx512")
    words_too = bytes_too or processor == "x86-64"
    assert tap_pairs.has_instruction(1, False) == bytes_too
    assert tap_pairs.has_instruction(2, True) == words_too
    ones = np.ones((11, 11), "i1")
    sums = numbers_for(np.dtype("u1"), ones[None, None], np.zeros(1)).sums
    bytes_ = prices("u1", ones)["direct"], cost.direct_cost(1014**2, (11, 11), sums, False)
    assert sums == np.int16
    assert (bytes_[0] < bytes_[1]) == bytes_too
    words = prices("i2", ones)["direct"], cost.direct_cost(1014**2, (11, 11), np.dtype("i4"), False)
    assert (words[0] < words[1]) == words_too
    # Where pixels have to be multiplied one by one, Fourier transforms are worth while sooner.
    taps = np.arange(-98, 98).reshape(14, 14)
    found = prices("u1", taps)
    assert (found["direct"] < found["fourier"]) == words_too


def test_types_of_many_names_have_one_price():
    for names in (("i", "l", "q", "p"), ("h",), ("f",), ("d",), ("F",), ("D",)):
        by_size = {}
        for name in names:
            dtype = np.dtype(name)
            by_size.setdefault(dtype.itemsize, set()).add(cost.tap_cost(dtype))
        assert all(len(found) == 1 for found in by_size.values())
    assert cost.tap_cost(np.dtype("i4")) < cost.tap_cost(np.dtype("i8")) < 1
    assert cost.tap_cost(np.dtype("g")) > 1

"""What the machine can do at best: copy memory, and multiply and add.

No correlation is quicker than reading the image and writing the result, nor than its
multiplications. Both are measured like any other participant, in the same rounds.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from kernfit.correlate.vectors.strips import vector_bytes

_SUMS = 12  # vectors; enough to hide the delay of each addition, and they fit the registers
_STEPS = 20_000


def copy(image: np.ndarray, out: np.ndarray, threads: int) -> Callable[[], object]:
    """Return a call that reads every pixel and writes every result, into memory that is there."""
    rows = [
        slice(n * len(image) // threads, (n + 1) * len(image) // threads) for n in range(threads)
    ]
    jobs = [(out[part], image[part]) for part in rows]
    if threads == 1:
        return lambda: np.copyto(*jobs[0], casting="unsafe")
    return lambda: list(_pool().map(lambda job: np.copyto(*job, casting="unsafe"), jobs))


def multiply(dtype: np.dtype[Any], threads: int) -> tuple[Callable[[], object], int]:
    """Return a call that does nothing but multiply and add, and how many of them it does."""
    run, number = _kernel(), dtype.type(0)
    lanes = vector_bytes() // dtype.itemsize
    run(number, 1)
    if threads == 1:
        return lambda: run(number, _STEPS), _STEPS * _SUMS * lanes
    jobs = range(threads)
    return (
        lambda: list(_pool().map(lambda _: run(number, _STEPS), jobs)),
        threads * _STEPS * _SUMS * lanes,
    )


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor()


@lru_cache(maxsize=1)
def _kernel() -> Any:
    @njit(nogil=True)
    def run(number, steps):
        return _multiply_add(number, steps)

    return run


@intrinsic
def _multiply_add(typing: Any, number: Any, steps: Any) -> Any:
    """Emit a loop over sums that stay in registers: ``sum = sum * number + number``."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        scalar = context.get_value_type(signature.args[0])
        lanes = vector_bytes() // context.get_abi_sizeof(scalar)
        vector = ir.VectorType(scalar, lanes)
        factor = ir.Constant(vector, ir.Undefined)
        for lane in range(lanes):
            factor = builder.insert_element(factor, args[0], ir.Constant(ir.IntType(32), lane))
        is_float = isinstance(scalar, (ir.FloatType, ir.DoubleType))
        kind = ir.FunctionType(vector, [vector] * 3)
        name = f"llvm.fmuladd.v{lanes}f{8 * context.get_abi_sizeof(scalar)}"
        sums = []
        for n in range(_SUMS):  # each begins elsewhere, or the compiler would keep one of them
            first = ir.Constant(vector, [n] * lanes)
            first = builder.fadd(factor, first) if is_float else builder.add(factor, first)
            sums.append(cgutils.alloca_once_value(builder, first))
        with cgutils.for_range(builder, args[1]):
            for place in sums:
                old = builder.load(place)
                if is_float:
                    add = cgutils.get_or_insert_function(builder.module, kind, name)
                    new = builder.call(add, [old, factor, factor])
                else:
                    new = builder.add(builder.mul(old, factor), factor)
                builder.store(new, place)
        total = builder.load(sums[0])
        for place in sums[1:]:
            other = builder.load(place)
            # xor would do as well: the sums must be used, or they would not be computed.
            total = builder.fadd(total, other) if is_float else builder.xor(total, other)
        return builder.extract_element(total, ir.Constant(ir.IntType(32), 0))

    return number(number, types.intp), emit

"""Pointers in compiled code: they cost nothing to hand on, where an array is counted each time."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_BYTES = ir.IntType(8).as_pointer()


@intrinsic  # type: ignore[untyped-decorator]
def pointer_to(typing: Any, array: Any) -> Any:
    """Return a pointer to an array's first element.

    The array must outlive it. Numba frees one that was made in compiled code after its last use,
    which `keep` puts off.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.make_array(array)(context, builder, args[0]).data

    return types.CPointer(array.dtype)(array), emit


@intrinsic  # type: ignore[untyped-decorator]
def start_of(typing: Any, array: Any) -> Any:
    """Return what `pointer_to` does, as a pointer to whatever there is."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(context.make_array(array)(context, builder, args[0]).data, _BYTES)

    return types.voidptr(array), emit


@intrinsic  # type: ignore[untyped-decorator]
def keep(typing: Any, array: Any) -> Any:
    """Use an array, so that it has not been freed before."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_dummy_value()

    return types.void(array), emit


@intrinsic  # type: ignore[untyped-decorator]
def after(typing: Any, pointer: Any, offset: Any) -> Any:
    """Return the pointer so many bytes further on."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        moved = builder.gep(builder.bitcast(args[0], _BYTES), [args[1]])
        return builder.bitcast(moved, args[0].type)

    return pointer(pointer, types.intp), emit


@intrinsic  # type: ignore[untyped-decorator]
def address_of(typing: Any, pointer: Any) -> Any:
    """Return the pointer as a number."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ptrtoint(args[0], context.get_value_type(types.intp))

    return types.intp(pointer), emit


@intrinsic  # type: ignore[untyped-decorator]
def copy_bytes(typing: Any, source: Any, target: Any, count: Any) -> Any:
    """Copy so many bytes from one pointer to the other."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        one = ir.Constant(ir.IntType(64), 1)
        places = (builder.bitcast(pointer, _BYTES) for pointer in (args[1], args[0]))
        cgutils.raw_memcpy(builder, *places, args[2], one)
        return context.get_dummy_value()

    return types.void(source, target, types.intp), emit


@intrinsic  # type: ignore[untyped-decorator]
def fetch(typing: Any, pointer: Any) -> Any:
    """Have the line of memory at the pointer fetched into the caches, without waiting for it."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.IntType(32)
        call = ir.FunctionType(ir.VoidType(), [_BYTES, kind, kind, kind])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [_BYTES], call)
        # To be read, into the second-level cache, as data.
        options = (ir.Constant(kind, number) for number in (0, 2, 1))
        builder.call(prefetch, [builder.bitcast(args[0], _BYTES), *options])
        return context.get_dummy_value()

    return types.void(pointer), emit


@intrinsic  # type: ignore[untyped-decorator]
def copy_elements(
    typing: Any, size: Any, source: Any, step: Any, target: Any, stride: Any, count: Any
) -> Any:
    """Copy elements of 1, 2, 4 or 8 bytes, so many bytes apart, to where they are others apart."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        size, source, step, target, stride, count = args
        done = builder.append_basic_block("copied")
        switch = builder.switch(size, done)
        for each in (1, 2, 4, 8):
            block, kind = builder.append_basic_block(), ir.IntType(8 * each).as_pointer()
            switch.add_case(ir.Constant(size.type, each), block)
            builder.position_at_end(block)
            with cgutils.for_range(builder, count) as loop:
                place, goal = (
                    builder.bitcast(builder.gep(pointer, [builder.mul(loop.index, apart)]), kind)
                    for pointer, apart in ((source, step), (target, stride))
                )
                builder.store(builder.load(place, align=1), goal, align=1)
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    n, p = types.intp, types.voidptr
    return types.void(n, p, n, p, n, n), emit

"""What emitted vector code is made of: vectors of pixels, taps in all lanes, sums in registers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.core.registry import cpu_target

INT = ir.IntType(64)
BYTES = ir.IntType(8).as_pointer()


def vector_bytes() -> int:
    """Return the width of the vectors that the code is compiled for, in bytes."""
    on = cpu_features()
    return 64 if "avx512f" in on else 32 if "avx" in on else 16


def cpu_features() -> set[str]:
    """Return the features of the CPU that the code is compiled for, in LLVM's words."""
    # What Numba compiles for, which a user may have narrowed; the key of its cache as well.
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    return {word[1:] for word in features.split(",") if word.startswith("+")}


class Emitter:
    """Emits code into `builder` for sums of products, `vectors` of them side by side.

    Parameters
    ----------
    context, builder
        As Numba gives them to an intrinsic.
    image, sums
        Numba's types of a pixel, and of a tap and a sum.
    vectors : int
        How many vectors of sums stand in a row.
    """

    def __init__(self, context: Any, builder: Any, image: Any, sums: Any, vectors: int) -> None:
        self.builder = builder
        self.pixel = context.get_value_type(image)
        self.sum = context.get_value_type(sums)
        self.pixel_bytes = context.get_abi_sizeof(self.pixel)
        self.sum_bytes = context.get_abi_sizeof(self.sum)
        self.signed = getattr(image, "signed", True)
        self.lanes = vector_bytes() // self.sum_bytes
        self.vectors = vectors

    @property
    def is_float(self) -> bool:
        """Whether the sums are floating-point numbers."""
        return isinstance(self.sum, (ir.FloatType, ir.DoubleType))

    # Memory

    def at(self, pointer: Any, *offsets: Any) -> Any:
        """Return the address so many bytes after `pointer`."""
        pointer = self.builder.bitcast(pointer, BYTES)
        for offset in offsets:
            pointer = self.builder.gep(pointer, [offset])
        return pointer

    def load_pixels(self, pointer: Any, vector: int) -> Any:
        """Return the pixels so many vectors after `pointer`, as wide as the sums."""
        kind = ir.VectorType(self.pixel, self.lanes)
        place = self.at(pointer, number(vector * self.lanes * self.pixel_bytes))
        place = self.builder.bitcast(place, kind.as_pointer())
        return self.widen(self.builder.load(place, align=1))

    def widen(self, pixels: Any) -> Any:
        """Return pixels as wide as the sums."""
        if self.pixel == self.sum:
            return pixels
        if self.is_float:
            extend = self.builder.sitofp if self.signed else self.builder.uitofp
        else:
            extend = self.builder.sext if self.signed else self.builder.zext
        return extend(pixels, ir.VectorType(self.sum, self.lanes))

    def load_tap(self, pointer: Any) -> Any:
        """Return one tap in every lane."""
        tap = self.builder.load(
            self.builder.bitcast(pointer, self.sum.as_pointer()), align=self.sum_bytes
        )
        return self.in_all_lanes(tap)

    def in_all_lanes(self, number: Any) -> Any:
        """Return a number, as wide as the sums, in every lane."""
        nothing = ir.Constant(ir.VectorType(self.sum, self.lanes), ir.Undefined)
        lone = self.builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
        return self.builder.shuffle_vector(lone, nothing, lane_numbers([0] * self.lanes))

    # Arithmetic

    def zero(self) -> Any:
        """Return a vector of sums that are nothing yet."""
        return ir.Constant(ir.VectorType(self.sum, self.lanes), None)

    def multiply_add(self, pixels: Any, tap: Any, total: Any) -> Any:
        """Return the total with the products added."""
        if not self.is_float:
            return self.builder.add(total, self.builder.mul(pixels, tap))
        # fmuladd is one instruction where the CPU has one, else two; fma would call a function.
        kind = ir.VectorType(self.sum, self.lanes)
        name = f"llvm.fmuladd.v{self.lanes}f{8 * self.sum_bytes}"
        function = cgutils.get_or_insert_function(
            self.builder.module, ir.FunctionType(kind, [kind] * 3), name
        )
        return self.builder.call(function, [pixels, tap, total])

    def add_taps(self, pixels: list[Any], taps: list[Any], sums: list[Any]) -> list[Any]:
        """Return the sums with one tap for each row, times the pixels, added."""
        spread = [self.load_tap(tap) for tap in taps]
        return [
            self.multiply_add(pixels[n % self.vectors], spread[n // self.vectors], total)
            for n, total in enumerate(sums)
        ]

    # Control

    def loop(self, start: Any, stop: Any, step: int, sums: list[Any], body: Any) -> list[Any]:
        """Emit a loop that runs at least once; `body` maps (index, sums) to new sums."""
        builder = self.builder
        before = builder.block
        inside, after = (builder.append_basic_block(name) for name in ("loop", "done"))
        builder.branch(inside)
        builder.position_at_end(inside)
        index = builder.phi(INT)
        index.add_incoming(start, before)
        carried = []
        for total in sums:
            carried.append(builder.phi(total.type))
            carried[-1].add_incoming(total, before)
        new: list[Any] = body(index, carried)
        following = builder.add(index, number(step))
        index.add_incoming(following, builder.block)
        for phi, total in zip(carried, new, strict=True):
            phi.add_incoming(total, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, stop), inside, after)
        builder.position_at_end(after)
        return new

    def when(self, condition: Any, sums: list[Any], body: Any) -> list[Any]:
        """Emit `body`, which maps sums to new ones, to run if the condition holds."""
        builder = self.builder
        before = builder.block
        inside, after = (builder.append_basic_block(name) for name in ("when", "then"))
        builder.cbranch(condition, inside, after)
        builder.position_at_end(inside)
        new = body(sums)
        end = builder.block
        builder.branch(after)
        builder.position_at_end(after)
        merged = []
        for old, changed in zip(sums, new, strict=True):
            merged.append(builder.phi(old.type))
            merged[-1].add_incoming(old, before)
            merged[-1].add_incoming(changed, end)
        return merged


def function_in(module: Any, name: str, arguments: list[Any]) -> Any:
    """Return a new function in a module, for its own use, that returns nothing.

    Its loops stay as they are emitted: to unroll or vectorize them, or to make it part of another
    function, takes long to compile and is seldom quicker to run.
    """
    kind = ir.FunctionType(ir.VoidType(), arguments)
    function = ir.Function(module, kind, module.get_unique_name(name))
    function.linkage = "internal"
    for attribute in ("optsize", "noinline", "nounwind"):
        function.attributes.add(attribute)
    return function


def calling(arguments: list[Any]) -> Any:
    """Return how an intrinsic calls such a function: its first argument is the address."""
    kind = ir.FunctionType(ir.VoidType(), arguments)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])
        return context.get_dummy_value()

    return emit


def variable(builder: Any, value: Any) -> Any:
    """Return memory for a number that changes, with its first value; LLVM finds it a register."""
    return cgutils.alloca_once_value(builder, value)


@contextmanager
def repeated(builder: Any, condition: Callable[[], Any]) -> Iterator[None]:
    """Emit what comes within as a loop, as long as the emitted condition is true."""
    test, inside, after = (builder.append_basic_block(name) for name in ("test", "loop", "done"))
    builder.branch(test)
    builder.position_at_end(test)
    builder.cbranch(condition(), inside, after)
    builder.position_at_end(inside)
    yield
    builder.branch(test)
    builder.position_at_end(after)


def number(value: int) -> Any:
    """Return an integer of 64 bits."""
    return ir.Constant(INT, value)


def lane_numbers(numbers: Any) -> Any:
    """Return the lanes that a shuffle takes, one after another."""
    numbers = list(numbers)
    return ir.Constant(ir.VectorType(ir.IntType(32), len(numbers)), numbers)

"""PyTorch operations that multiply and add up: what they sum over decides what they see."""

from __future__ import annotations

from kernfit.frameworks import reasons
from kernfit.frameworks.torch.step import TorchStep
from kernfit.frameworks.trace import Place


def dense(step: TorchStep) -> Place:
    """Follow a dense layer, which sums over the last axis."""
    rank = len(step.x.shape)
    if step.x.axes is None or rank - 1 in step.x.axes:
        return step.everywhere(reasons.DENSE)
    return step.kept()


def product(step: TorchStep) -> Place:
    """Follow a matrix product: place by place if rows and columns are stacks of matrices."""
    factors = [step.place(name) for name in ("self", "other", "mat2", "batch1", "batch2")]
    found = [place for place in factors if place is not None]
    if len(step.inputs) > 1:
        if len(found) == len(step.inputs) == 2 and _stacked(step, found):
            return step.kept()
        return step.everywhere(reasons.PRODUCT)
    if step.place("self") is not None and step.op == "matmul":
        return dense(step)
    if step.place("other") is not None and step.op == "matmul" and _stacked(step, found):
        return step.kept()
    return step.everywhere(reasons.DENSE)


def attention(step: TorchStep) -> Place:
    """Follow attention: within windows, which lie in the axes before the last two, it is local."""
    if len({place.axes for place in step.inputs}) == 1 and _stacked(step, step.inputs):
        return step.kept()
    return step.everywhere(reasons.ATTENTION)


def _stacked(step: TorchStep, places: list[Place]) -> bool:
    """Say whether rows and columns are among the axes that number the matrices."""
    ranks = {len(place.shape) for place in places}
    axes = {place.axes for place in places}
    if len(ranks) > 1 or len(axes) > 1 or ranks != {len(step.shape)}:
        return False
    (rank,), (found,) = ranks, axes
    return found is not None and max(found) < rank - 2


def einsum(step: TorchStep) -> Place:
    """Follow a sum of products: local if rows and columns are letters of the result."""
    equation = str(step.get("equation", "")).replace(" ", "")
    terms, _, result = equation.partition("->")
    letters: set[tuple[str, ...]] = set()
    tensors = step.get("tensors") or ()
    for term, tensor in zip(terms.split(","), tensors, strict=False):
        place = step.places.get(getattr(tensor, "name", ""))
        if not isinstance(place, Place):
            continue
        if place.axes is None or "." in equation or not result:
            return step.everywhere(reasons.PRODUCT)
        letters.add(tuple(term[axis] for axis in place.axes))
    if len(letters) != 1 or not set(own := letters.pop()) <= set(result):
        return step.everywhere(reasons.PRODUCT if len(step.inputs) > 1 else reasons.DENSE)
    axes = tuple(result.index(letter) for letter in own)
    return step.trace.step(step.name, step.op, step.inputs, step.shape, axes=axes)

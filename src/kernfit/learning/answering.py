"""From a pair to its fit: placed, sized, rid of outliers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from kernfit.correlate.threads import thread_count
from kernfit.errors import InvalidInput
from kernfit.learning.answers.fit import Fit
from kernfit.learning.answers.remarks import remarks
from kernfit.learning.grouped import group_slices, side_by_side
from kernfit.learning.imposed.constraints import Imposed
from kernfit.learning.misfits.piles import clipped_at
from kernfit.learning.outliers.robust import residuals_of_fit, without_outliers
from kernfit.learning.outliers.saturated import without_saturated
from kernfit.learning.outliers.truncated import TRUNCATED, is_truncated, without_truncated
from kernfit.learning.pairs.equations import EquationSource
from kernfit.learning.pairs.pair import Pair
from kernfit.learning.pairs.place import placed
from kernfit.learning.pairs.residual import residual
from kernfit.learning.pairs.several import Pairs, disagreement
from kernfit.learning.planes import across_planes
from kernfit.learning.request import Request
from kernfit.learning.sizes.size_check import better_size, held_out_sizes
from kernfit.learning.sizes.survey import smallest_reproducing, survey
from kernfit.learning.smoother import with_penalty_tried
from kernfit.learning.solution import fit_pair
from kernfit.learning.strided import in_steps, told_of_steps
from kernfit.learning.transfer import compared, in_linear_light

# Where the shape is to be found among outliers, these are first found with a kernel of this shape.
_FIRST_LOOK = 7


def answer(source: Pair | Pairs, request: Request) -> Fit:
    """Answer a request: the one way from a source to its fit.

    Parameters
    ----------
    source : Source
        Of images of equal size, of a "valid" result, cropped, or with every so many-th output.
    request : Request

    Returns
    -------
    Fit
        That keeps the request.
    """
    model = request.model
    seen = all(member.at_hand for member in source.members)
    if not seen and (model.apart or model.groups > 1 or model.transfer is not None):
        raise InvalidInput(
            "stride, dilation, groups and transfer must have both images in memory: crop them"
        )
    fit = _in_light(source, request) if model.transfer else _answered(source, request)[0]
    return replace(fit, request=request)


def _answered(source: Pair | Pairs, request: Request) -> tuple[Fit, list[tuple[Fit, Pair]]]:
    """Return the fit, and the fits and pairs without steps and groups that it was made of."""
    model = request.model
    if model.groups > 1:
        first = source.members[0]
        sizes = len(first.after), len(first.before)
        groups = group_slices(*sizes, model.groups)
        asked = [request.of_group(*own, sizes) for own in groups]
        parts = [
            replace(source, members=tuple(pair.of_channels(*own) for pair in source.members))
            if isinstance(source, Pairs)
            else source.of_channels(*own)
            for own in groups
        ]
        found = list(map(_answered, parts, asked))
        shapes = [fit.kernel.shape for fit, _ in found]
        if len(set(shapes)) > 1:
            largest = tuple(max(sides) for sides in zip(*shapes, strict=True))
            found = [
                _answered(*each)
                for each in zip(parts, (one.but(shape=largest) for one in asked), strict=True)
            ]
        fit = side_by_side([fit for fit, _ in found])
        return fit, [member for _, members in found for member in members]
    if model.apart:
        plain, first_output = in_steps(source, model.stride, model.dilation, model.shape)
        fit = learn_pair(plain, request)
        return (
            told_of_steps(fit, source, model.stride, model.dilation, first_output),
            [(fit, member) for member in _flat(plain)],
        )
    places = [placed(member, model.shape) for member in source.members]
    members = [member for member, _ in places]
    together = members[0] if len(members) == 1 else Pairs.of(members)
    fit = learn_pair(together, request)
    said = remarks(fit, together.before, together.after)
    offset = places[0][1] if len(places) == 1 else None
    fit = replace(fit, offset=offset, notes=(*said, *fit.notes))
    return fit, [(fit, member) for member in members]


def _in_light(source: Pair | Pairs, request: Request) -> Fit:
    """Answer in linear light, and say whether that fits better than the levels as they are."""
    plain = request.but(transfer=None)
    there, _ = _answered(source, plain)
    light, white = in_linear_light(source, request.data)
    fit, parts = _answered(light, plain)
    levels, errors = [], []
    for own, pair in parts:
        equations, left = residuals_of_fit(pair, own)
        levels.append(equations.y[equations.used])
        errors.append(left[equations.used])
    return compared(fit, there, np.concatenate(levels), np.concatenate(errors), white)


def _flat(source: Pair | Pairs) -> list[Pair]:
    """Return all pairs, those of pairs too."""
    if isinstance(source, Pairs):
        return [pair for member in source.members for pair in _flat(member)]
    return [source]


def learn_pair(pair: Pair | Pairs, request: Request | None = None, **options: Any) -> Fit:
    """Learn from pairs whose images lie one on the other, and whose taps lie side by side.

    Parameters
    ----------
    pair : Source
    request : Request, optional
        Its shape, bias, constraints and solver.
    **options
        Instead of a request: what `learn` has of these.
    """
    request = Request.of(**options) if request is None else request
    shape, bias, imposed = request.model.shape, request.model.bias, request.model.imposed
    descent, robust = request.solver.descent, request.solver.robust
    threads = thread_count(request.solver.threads)

    def answer(pair: Pair | Pairs, shape: tuple[int, int] | None = shape) -> Fit:
        size = _size(pair, threads=threads) if shape is None else shape
        found = shape is None

        def of_size(size: tuple[int, int]) -> Fit:
            # Whatever the border's rule, a program leaves a border as wide as its kernel on every
            # side. If the shape was found and not told, zeros around the taps may hide how wide
            # that is, so the wider of the two margins serves all four sides.
            return fit_pair(pair, size, request, margin=(max(size) // 2) if found else 0)

        fit = of_size(size)
        return smallest_reproducing(fit, of_size) if found and not imposed else fit

    def hidden(pair: Pair, fit: Fit, penalty: str) -> Fit:
        own = Imposed.of((), None, *(("auto", None) if penalty == "ridge" else (None, "auto")))
        return fit_pair(pair, fit.kernel.shape, request.but(imposed=own))

    def checked(pair: Pair, fit: Fit, told: tuple[str, ...]) -> Fit:
        """Say how well the shape that was found predicts what was held out."""
        fit = replace(fit, notes=(*fit.notes, *told))
        if type(pair) is Pair and descent is None:
            fit = across_planes(pair, fit)
        if not imposed and descent is None:
            fit = with_penalty_tried(fit, lambda penalty: hidden(pair, fit, penalty))
        known = isinstance(pair.before, np.ndarray) and pair.same_size and descent is None
        known = known and pair.before_variance is None  # a kernel rid of noise predicts no better
        if not (known and shape is None and bias and not imposed):
            return fit
        if fit.status.code == "misfit":
            return fit  # of no kernel, no shape predicts
        errors = held_out_sizes(pair, fit.kernel.shape, threads=threads)
        better = better_size(errors) if errors else None
        told = (
            ()
            if better is None
            else (
                f"parts of the image that were held out are predicted better by a {better[0]}x"
                f"{better[1]} kernel: give shape to learn that one",
            )
        )
        held_out = {size: float(np.sqrt(each.mean())) for size, each in errors.items()}
        return replace(fit, held_out=held_out, notes=(*fit.notes, *told))

    # The matrices are small: threads of their own would cost linear algebra more than they give.
    with threadpool_limits(1, user_api="blas"):
        if isinstance(pair, Pairs):
            if robust:
                # Each pair's own kernel tells its outliers.
                pair = _without_outliers(pair, answer)
            return _with_disagreement(pair, answer(pair))
        pair, told = _without_piles(pair) if descent is None and type(pair) is Pair else (pair, ())
        if not robust:
            fit = answer(pair)
            elsewhere = descent is None and type(pair) is not Pair and pair.at_hand
            if elsewhere and is_truncated(pair, fit):
                # Predictions of single pixels are asked for, which the host has.
                pair = pair.crop(slice(None), slice(None))
                fit = answer(pair)
            if descent is None and type(pair) is Pair:
                fit, pair = without_truncated(pair, fit, answer)
            elif descent is None and is_truncated(pair, fit):
                told = (*told, TRUNCATED)
            return checked(pair, _unsaturated(pair, fit, answer), told)
        if shape is None and pair.same_size:
            # A kernel found too small among outliers would make outliers of what it lacks.
            largest = min(_FIRST_LOOK, *pair.before.shape[1:])
            first_look = partial(answer, shape=(largest, largest))
            pair = without_outliers(pair, first_look, residuals_of_fit)[1]
        fit, pair = without_outliers(pair, answer, residuals_of_fit)
        return checked(pair, _unsaturated(pair, fit, answer), told)


def _without_piles(pair: Pair) -> tuple[Pair, tuple[str, ...]]:
    """Leave out pixels at levels where the after image was clipped, and say so."""
    low, high = clipped_at(pair)
    if np.isinf(low) and np.isinf(high):
        return pair, ()
    clip = max(pair.clip[0], low), min(pair.clip[1], high)
    at = " and ".join(f"{level:.6g}" for level in (low, high) if np.isfinite(level))
    note = (
        f"pixels pile up at {at}, where the kernel goes beyond: the after image was clipped, and "
        f"they were left out, as by clip=({clip[0]:.6g}, {clip[1]:.6g})"
    )
    return replace(pair, clip=clip), (note,)


def _unsaturated(pair: Pair, fit: Fit, answer: Callable[[Pair], Fit]) -> Fit:
    # Pairs that are elsewhere than in memory know no limits of a before image.
    known = isinstance(pair.before, np.ndarray) and fit.history is None
    known = known and fit.status.kind not in ("colour", "linear light")
    return without_saturated(pair, fit, answer) if known else fit


def _with_disagreement(pairs: Pairs, fit: Fit) -> Fit:
    """Add what each pair says of the kernel that they share."""
    if pairs.interlaced:
        return fit
    residuals = []
    for member in pairs.members:
        equations: EquationSource = member.equations(fit.kernel.shape, fit.kernel.anchor)
        left = residual(equations, fit.kernel.weight, fit.kernel.bias, channels=member.channels)
        residuals.append(float(np.sqrt(left.plain / equations.count)))
    return replace(fit, notes=(*fit.notes, *disagreement(residuals)))


def _without_outliers(pairs: Pairs, answer: Callable[[Pair], Fit]) -> Pairs:
    members = [
        _without_outliers(member, answer)
        if isinstance(member, Pairs)
        else without_outliers(member, answer, residuals_of_fit)[1]
        for member in pairs.members
    ]
    return replace(pairs, members=tuple(members))


def _size(pair: Pair | Pairs, *, threads: int | None) -> tuple[int, int]:
    """Return the kernel's shape, asking the data where the sizes do not tell."""
    # Without a constant, taps far off would stand in for what rounding shifts all levels by.
    return survey(pair, threads=threads) if pair.same_size else pair.valid_shape

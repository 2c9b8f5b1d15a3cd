"""Groups of channels that are mixed among themselves: fits of each, put side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from kernfit.arrays import Array, as_planes
from kernfit.errors import InvalidInput
from kernfit.kernel import Kernel
from kernfit.learning.answers.fit import Fit
from kernfit.learning.certainty.uncertainty import Uncertainty


def learn_groups(
    before: object, after: object, groups: int, learn: Callable[..., Fit], shape: object
) -> Fit:
    """Learn each group of channels apart and return one fit of all.

    Parameters
    ----------
    before, after : array_like, shape (channels, H, W)
    groups : int
        Output channels of a group take from the input channels of the same group.
    learn : callable
        From images and shape to a fit, all channels mixed.
    shape : "auto", int or (rows, columns)
        "auto": the largest that one of the groups asks for.

    Returns
    -------
    Fit
        Its kernel is (out, in, kh, kw), 0 between groups.

    Raises
    ------
    InvalidInput
        If the channels do not divide into so many groups.
    """
    x, y = as_planes(before, "before"), as_planes(after, "after")  # type: ignore[arg-type]
    whole = isinstance(groups, (int, np.integer)) and not isinstance(groups, bool)
    if not whole or groups < 1 or len(x) % groups or len(y) % groups:
        raise InvalidInput(
            "groups must divide the channels of both images, got "
            f"{groups!r} groups for {len(x)} channels in and {len(y)} out"
        )
    parts = list(zip(np.split(x, groups), np.split(y, groups), strict=True))
    fits = [learn(first, second, shape) for first, second in parts]
    sizes = {fit.kernel.shape for fit in fits}
    if len(sizes) > 1:
        largest = (max(size[0] for size in sizes), max(size[1] for size in sizes))
        fits = [learn(first, second, largest) for first, second in parts]
    return side_by_side(fits)


def side_by_side(fits: Sequence[Fit]) -> Fit:
    """Return one fit whose kernel holds those of several groups, 0 between them."""
    first = fits[0]
    rows, columns = first.kernel.shape
    inputs = sum(fit.kernel.weight.shape[1] for fit in fits)
    outputs = sum(fit.kernel.weight.shape[0] for fit in fits)
    size = inputs * rows * columns + 1
    weight = np.zeros((outputs, inputs, rows, columns))
    covariance = np.zeros((outputs, size, size))
    freedom = np.zeros((outputs, size))
    influence: list[Array] = []
    undetermined: list[Array] = []
    out = into = 0
    for fit in fits:
        outs, ins = fit.kernel.weight.shape[:2]
        own = slice(out, out + outs)
        weight[own, into : into + ins] = fit.kernel.weight
        places = np.append(
            np.arange(into * rows * columns, (into + ins) * rows * columns), size - 1
        )
        known = fit.uncertainty
        freedom[own] = known.freedom[:, -1:]
        pulls = np.zeros((len(known.influence), outputs, size))
        for n in range(outs):
            covariance[out + n][np.ix_(places, places)] = known.covariance[n]
            freedom[out + n, places] = known.freedom[n]
            pulls[:, out + n, places] = known.influence[:, n]
        influence.append(pulls)
        directions = np.zeros((len(fit.undetermined), inputs, rows, columns))
        directions[:, into : into + ins] = fit.undetermined
        undetermined.append(directions)
        out, into = out + outs, into + ins
    used = sum(fit.used for fit in fits)
    reproduced = [fit.reproduced for fit in fits if fit.reproduced is not None]
    squares = sum(fit.used * fit.residual_rms**2 for fit in fits)
    worst = next((fit.status for fit in fits if fit.status.code != "good"), first.status)
    return replace(
        first,
        kernel=Kernel(
            weight, np.concatenate([fit.kernel.bias for fit in fits]), anchor=first.kernel.anchor
        ),
        uncertainty=Uncertainty(covariance, freedom, np.concatenate(influence)),
        residual_rms=float(np.sqrt(squares / used)),
        r2=float(np.mean([fit.r2 for fit in fits])),
        used=used,
        reproduced=sum(reproduced) if len(reproduced) == len(fits) else None,
        left_out={why: sum(fit.left_out[why] for fit in fits) for why in first.left_out},
        status=worst,
        undetermined=np.concatenate(undetermined),
        notes=tuple(dict.fromkeys(note for fit in fits for note in fit.notes)),
        held_out={},
    )

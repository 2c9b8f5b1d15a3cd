"""Groups of channels, as in a grouped or depthwise layer: each is a problem of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.kernel import Kernel
from kernfit.learning.answers.fit import Fit
from kernfit.learning.certainty.uncertainty import Uncertainty
from kernfit.learning.sums.descent import Descent


def group_slices(outputs: int, inputs: int, groups: int) -> list[tuple[slice, slice]]:
    """Return the output and input channels of each group.

    Raises
    ------
    InvalidInput
        If the channels do not divide into so many groups.
    """
    if inputs % groups or outputs % groups:
        raise InvalidInput(
            "groups must divide the channels of both images, got "
            f"{groups!r} groups for {inputs} channels in and {outputs} out"
        )
    out, into = outputs // groups, inputs // groups
    return [(slice(n * out, (n + 1) * out), slice(n * into, (n + 1) * into)) for n in range(groups)]


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
    unseen: dict[str, list[Array]] = {"undetermined": [], "weak": []}
    paths: list[Array] = []
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
        for name, found in unseen.items():
            own_ways = getattr(fit, name)
            directions = np.zeros((len(own_ways), inputs, rows, columns))
            directions[:, into : into + ins] = own_ways
            found.append(directions)
        if fit.history is not None:
            path = np.zeros((len(fit.history.weights), size, outputs))
            path[:, places, own] = fit.history.weights
            paths.append(path)
        out, into = out + outs, into + ins
    used = sum(fit.used for fit in fits)
    reproduced = [fit.reproduced for fit in fits if fit.reproduced is not None]
    chi2 = [fit.chi2 * fit.used for fit in fits if fit.chi2 is not None]
    worst = next((fit.status for fit in fits if fit.status.code != "good"), first.status)
    return replace(
        first,
        kernel=Kernel(
            weight, np.concatenate([fit.kernel.bias for fit in fits]), anchor=first.kernel.anchor
        ),
        uncertainty=Uncertainty(covariance, freedom, np.concatenate(influence)),
        residual_rms=_mean_square(fits, "residual_rms", used),
        residual_floor=_mean_square(fits, "residual_floor", used),
        r2=float(np.mean([fit.r2 for fit in fits])),
        used=used,
        reproduced=sum(reproduced) if len(reproduced) == len(fits) else None,
        left_out={why: sum(fit.left_out[why] for fit in fits) for why in first.left_out},
        status=worst,
        chi2=sum(chi2) / used if len(chi2) == len(fits) else None,
        history=_together(fits, paths) if len(paths) == len(fits) else None,
        notes=tuple(dict.fromkeys(note for fit in fits for note in fit.notes)),
        held_out={},
        undetermined=np.concatenate(unseen["undetermined"]),
        weak=np.concatenate(unseen["weak"]),
    )


def _mean_square(fits: Sequence[Fit], name: str, used: int) -> float:
    return float(np.sqrt(sum(fit.used * getattr(fit, name) ** 2 for fit in fits) / used))


def _together(fits: Sequence[Fit], paths: list[Array]) -> Descent:
    """Return the descent of all groups at once: each goes its own way."""
    histories = [fit.history for fit in fits if fit.history is not None]
    return Descent(
        np.sum(paths, axis=0),
        np.sum([each.losses for each in histories], axis=0),
        min(each.largest_rate for each in histories),
    )

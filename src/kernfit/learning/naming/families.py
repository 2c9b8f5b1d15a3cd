"""Families of kernels with a parameter, fitted to learnt taps within their errors."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import product

import numpy as np

from kernfit.arrays import Array
from kernfit.learning.naming.evidence import REACH, Evidence
from kernfit.learning.naming.forms import FORMS, Form
from kernfit.learning.naming.match import Match, with_error

# A form whose best start is farther from the taps than this share is not fitted.
_FAR = 0.5
# One that has been fitted, and is still farther than this, is not tried without a margin.
_NEAR = 0.1
# Probability that random taps would agree with a form as well.
_CHANCE = 1e-4
# The outermost taps also stand in for what lies beyond the support, which widens a Gaussian by many
# standard errors. So kernels with tails are compared without a margin of small taps, others too if
# nothing agrees. It is up to so wide, leaves so many rows and columns, and its taps are below this
# share of the largest.
_WIDEST_MARGIN, _LEAST_INSIDE, _TAIL = 3, 3, 0.25
# A factor within this of 1 is a support that ends a little early, and what was left out of the fit
# must not change the sum by more than this share.
_BRIGHT, _SUM = 5e-3, 0.04
# A size with an error of this share is not told by the taps.
_UNSURE = 0.25
# Parameters that may be 0 or less: all others are sizes.
_FREE = ("angle", "down", "right", "amount", "scale")
# Of two forms near the taps, one more parameter must bring it nearer by this factor.
_WORTH = 1.3
# Of two forms that agree, a squared distance this much smaller counts for the later one.
_BETTER = 25.0
_SMALLEST = 0.05  # size in pixels
_WHOLE, _FITTED = 1, 3  # ranks, beside those of the catalogue and of fractions


def family_matches(evidence: Evidence) -> tuple[list[Match], Match | None]:
    """Return the families that agree with the taps, and the nearest one.

    Each is fitted by weighted least squares (K. Levenberg, 1944; J. Moré, 1978), and the errors
    of its parameters follow from those of the taps by the delta method.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    agreeing : list of Match
    nearest : Match or None
    """
    nearest: tuple[float, Match] | None = None  # with how far off it is
    forms = list(FORMS)
    widest = _margins(evidence)
    for margin in range(widest + 1):
        inner = evidence.within(margin)
        found: list[Match] = []
        near: list[Form] = []
        for form in forms:
            match = _fit(form, inner)
            if match is None:
                continue
            apart = inner.apart(match.taps) * _WORTH ** len(match.parameters)
            tells = _tells(inner, match)
            if margin == 0 and tells and (nearest is None or apart < nearest[0]):
                nearest = apart, match
            if inner.apart(match.taps) < _NEAR:
                near.append(form)
            cut = form.tails and margin == 0 and widest > 0
            if tells and not cut and _holds(inner, match):
                found.append(match)
        if found:
            break
        forms = near
    return _ranked(found), nearest[1] if nearest else None


def _ranked(found: list[Match]) -> list[Match]:
    """Rank by the number of parameters; then as in the table, if the data do not say otherwise."""
    least: dict[tuple[float, ...], float] = {}
    for match in found:
        least[match.rank] = min(match.distance, least.get(match.rank, np.inf))
    ranked = [
        replace(match, rank=(*match.rank, match.distance > least[match.rank] + _BETTER, place))
        for place, match in enumerate(found)
    ]
    return sorted(ranked, key=lambda match: match.rank)


def _margins(evidence: Evidence) -> int:
    """Return how wide a margin may be left out: as long as its taps are small beside the rest."""
    size = min(evidence.taps.shape)
    taps = np.abs(np.nan_to_num(evidence.taps))
    for margin in range(1, _WIDEST_MARGIN + 1):
        inner = taps[margin:-margin, margin:-margin]
        outer = taps.copy()
        outer[margin:-margin, margin:-margin] = 0
        if size - 2 * margin < _LEAST_INSIDE or outer.max() > _TAIL * inner.max():
            return margin - 1
    return _WIDEST_MARGIN


def _tells(evidence: Evidence, match: Match) -> bool:
    """Whether there are more different taps than parameters; fewer would explain any kernel."""
    return match.rank[0] == _WHOLE or evidence.distinct > len(match.parameters)


def _holds(evidence: Evidence, match: Match) -> bool:
    """Whether a fitted form agrees with the taps, and that means something."""
    count = len(match.parameters)
    total = match.parameters.get("scale", (1.0, 0.0))[0]
    if match.name.startswith("laplacian"):
        total = match.taps.sum()
        if match.taps.min() >= 0 or match.taps.max() <= 0:
            return False  # so wide that the support holds only its middle
    return (
        evidence.agrees(match.taps, count)
        and evidence.chance(match.taps, count) < _CHANCE
        and all(
            error < _UNSURE * abs(value)
            for name, (value, error) in match.parameters.items()
            if name not in _FREE
        )
        and match.parameters.get("amount", (1.0, 0.0))[0] > 0
        # With its margin left out too, the kernel must sum to what was learnt.
        and abs(total - evidence.taps.sum()) <= _SUM * np.abs(evidence.taps).sum()
    )


def _grid(form: Form, evidence: Evidence) -> tuple[Array, Array]:
    """Return the places of rows (a column) and columns (a row), from the kernel's centre.

    Shifts count from the anchor. Of other kernels the centre is that of the squared taps, to half
    a pixel: noise around them moves it little.
    """
    axes = [np.arange(size, dtype=float) for size in evidence.taps.shape]
    if form.family == "shift":
        centre = [float(place) for place in evidence.anchor]
    else:
        weight = np.where(evidence.known, evidence.taps, 0.0) ** 2
        sums = (weight.sum(axis=1), weight.sum(axis=0))
        centre = [
            float(np.rint(2 * (axis @ sum_) / weight.sum()) / 2)
            for axis, sum_ in zip(axes, sums, strict=True)
        ]
    return (axes[0] - centre[0])[:, np.newaxis], (axes[1] - centre[1])[np.newaxis]


def _start(form: Form, evidence: Evidence) -> Array | None:
    """Return the parameters, gain last, from which to search; None if nothing is near."""
    rows, columns = _grid(form, evidence)
    values, shapes = _candidates(form, tuple(rows.ravel()), tuple(columns.ravel()))
    taps, shapes = evidence.taps[evidence.known], shapes[:, evidence.known]
    squares = np.sum(shapes**2, axis=1)
    gains = np.ones(len(shapes))
    if form.tails:
        gains = shapes @ taps / np.where(squares > 0, squares, np.inf)
    apart = np.linalg.norm(gains[:, np.newaxis] * shapes - taps, axis=1)
    best = int(apart.argmin())
    if not apart[best] < _FAR * np.linalg.norm(taps):
        return None
    start: Array = np.append(values[best], gains[best])
    return start


@lru_cache(maxsize=128)
def _candidates(
    form: Form, rows: tuple[float, ...], columns: tuple[float, ...]
) -> tuple[Array, Array]:
    """Return the parameters from which to search, and the taps that they make."""
    down, right = np.array(rows)[:, np.newaxis], np.array(columns)[np.newaxis]
    values = np.array(list(product(*form.starts.values())))
    return values, np.array([form.shape(down, right, *each) for each in values])


def _fit(form: Form, evidence: Evidence) -> Match | None:
    """Return the kernel of this form that is nearest to the taps in their errors."""
    from scipy.optimize import least_squares

    start = _start(form, evidence)
    if start is None:
        return None
    rows, columns = _grid(form, evidence)
    goal = evidence.in_errors(evidence.taps)
    names = [*form.starts, *(["scale"] if form.tails else [])]
    start = start[: len(names)]
    if evidence.size < len(names):
        return None

    def model(values: Array) -> Array:
        sizes = _allowed(form, evidence, values)
        gain = values[-1] if form.tails else 1.0
        taps: Array = gain * form.shape(rows, columns, *sizes)
        return taps

    answer = least_squares(
        lambda values: evidence.in_errors(model(values)) - goal,
        start,
        method="lm",
        x_scale=np.maximum(np.abs(start), 0.1),
        max_nfev=60 * len(start),
    )
    taps = model(answer.x)
    with np.errstate(all="ignore"):
        spread = np.linalg.pinv(answer.jac.T @ answer.jac)
    values = [*_allowed(form, evidence, answer.x), *answer.x[len(form.starts) :]]
    errors = np.sqrt(np.maximum(np.diagonal(spread), 0.0))
    if not (np.isfinite(taps).all() and np.isfinite(errors).all()):
        return None
    parameters = {
        name: (float(value), float(error))
        for name, value, error in zip(names, values, errors, strict=True)
    }
    return _named(form, evidence, taps, _upright(parameters))


def _allowed(form: Form, evidence: Evidence, values: Array) -> list[float]:
    """Return the parameters without the gain, sizes kept within what the support can tell."""
    largest = 2.0 * max(evidence.taps.shape)
    return [
        float(value) if name in _FREE else min(max(abs(float(value)), _SMALLEST), largest)
        for name, value in zip(form.starts, values, strict=False)
    ]


def _named(
    form: Form, evidence: Evidence, taps: Array, parameters: dict[str, tuple[float, float]]
) -> Match:
    gain, gain_error = parameters.get("scale", (1.0, 0.0))
    # What is cut off moves the fitted factor; the taps' sum takes no harm. A blob's sum is 0.
    if "scale" in parameters and not form.family.startswith("laplacian"):
        gain = float(evidence.taps.sum())
    bright = abs(gain - 1) <= max(REACH * gain_error, _BRIGHT)
    own = [parameters[name] for name in form.starts]
    whole = form.whole and bright and all(_is_whole(*pair) for pair in own)
    words = {
        name: f"{round(parameters[name][0])}" if whole else _words(name, *parameters[name])
        for name in form.starts
    }
    text = form.text.format(**words)
    if not bright:
        text += f", times {with_error(gain, gain_error)}"
    return Match(
        kind="family",
        name=form.family,
        text=text,
        taps=taps,
        distance=evidence.distance(taps),
        rank=(_WHOLE if whole else _FITTED, len(own)),
        parameters=parameters,
    )


def _upright(parameters: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Return the same ellipse or line with its long axis first, at an angle above -90 to 90."""
    if "angle" in parameters:
        angle, error = parameters["angle"]
        if "long" in parameters and parameters["long"][0] < parameters["short"][0]:
            swapped = {"long": parameters["short"], "short": parameters["long"]}
            parameters = parameters | swapped
            angle += 90
        parameters = parameters | {"angle": (90 - (90 - angle) % 180, error)}
    return parameters


def _words(name: str, value: float, error: float) -> str:
    """Return a parameter in words: a size with its error, a way with its direction."""
    ways = {"down": ("down", "up"), "right": ("right", "left")}
    if name in ways:
        return f"{with_error(abs(value), error)} pixels {ways[name][bool(value < 0)]}"
    return with_error(value, error)


def _is_whole(value: float, error: float) -> bool:
    return abs(value - round(value)) <= max(REACH * error, 1e-6) and error < 0.05

"""What a kernel is called: the answers of `Fit.recognise`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kernfit.arrays import Array

# Programs that round to whole levels truncate, or round half up: this much of a bias is theirs.
_OF_ROUNDING = 0.6
_REACH = 4.0  # standard errors
_ARITHMETIC = 1e-6  # what computing in float32 leaves of a bias of 0


@dataclass(frozen=True)
class Bias:
    """The constant that was learnt beside the taps.

    Attributes
    ----------
    value, error : float
        In the image's unit; the error is NaN where the data do not determine it.
    whole_levels : bool
        Whether the program rounded to integers, which moves it.
    """

    value: float = 0.0
    error: float = 0.0
    whole_levels: bool = False

    def agrees(self, own: float) -> bool:
        """Whether it may be the constant that a kernel has of its own."""
        reach = max(_REACH * self.error, _OF_ROUNDING if self.whole_levels else _ARITHMETIC)
        return not abs(self.value - own) > reach

    def words(self, own: float = 0.0) -> str:
        """Return what to add to the name of a kernel with a constant of its own."""
        if not np.isfinite(self.error) or self.agrees(own):
            return ""
        if self.agrees(0.0):
            return f", without its offset of {own:g}"
        size, sign = abs(self.value), "plus" if self.value > 0 else "less"
        whole = self.agrees(round(self.value))
        return f", {sign} {round(size) if whole else with_error(size, self.error)}"


@dataclass(frozen=True, eq=False)
class Match:
    """One thing that a kernel is, or is near to.

    Attributes
    ----------
    kind : str
        "catalogue", "fractions" or "family".
    name : str
        Of the catalogue's kernel ("sobel_x") or of the family ("gaussian"); "fractions".
    text : str
        What it is, in part of a sentence: "a Gaussian blur of sigma 1.500 ± 0.002 pixels".
    taps : ndarray, shape (kh, kw)
        The kernel that is meant, in place of the learnt taps.
    distance : float
        Squared distance from the learnt taps in their errors: of the size of the number of taps
        if it is the true kernel.
    rank : tuple
        Simpler explanations have smaller ones.
    parameters : Mapping of str to (value, standard error)
        Sigma, radius and so on; the error is 0 for what is exact.
    """

    kind: str
    name: str
    text: str
    taps: Array
    distance: float
    rank: tuple[float, ...]
    parameters: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return kind, name, text, taps and parameters as plain lists, numbers and strings."""
        return {
            "kind": self.kind,
            "name": self.name,
            "text": self.text,
            "taps": self.taps.tolist(),
            "parameters": {name: list(pair) for name, pair in self.parameters.items()},
        }


@dataclass(frozen=True, eq=False)
class Recognition:
    """What a kernel is called; as text, a sentence.

    Attributes
    ----------
    matches : tuple of Match
        All that agree with the learnt taps within their errors, the simplest first.
    nearest : Match or None
        If nothing agrees: what comes near, if anything does.
    note : str
        What limits the comparison or how far off the nearest is, part of a sentence; or empty.
    """

    matches: tuple[Match, ...] = ()
    nearest: Match | None = None
    note: str = ""

    @property
    def best(self) -> Match | None:
        """The simplest explanation, if there is one."""
        return self.matches[0] if self.matches else None

    def to_dict(self) -> dict[str, Any]:
        """Return the sentence, all matches and the nearest as plain dicts."""
        return {
            "sentence": str(self),
            "matches": [match.to_dict() for match in self.matches],
            "nearest": None if self.nearest is None else self.nearest.to_dict(),
        }

    def __str__(self) -> str:
        note = f"; {self.note}" if self.note else ""
        if self.matches:
            return f"It is {self.matches[0].text}{note}."
        if self.nearest is not None:
            return f"It is no known kernel; the nearest is {self.nearest.text}{note}."
        return f"It is no known kernel{note}."


def with_error(value: float, error: float) -> str:
    """Return "1.500 ± 0.002"; without an error that does not matter.

    Parameters
    ----------
    value, error : float

    Returns
    -------
    str

    Examples
    --------
    >>> with_error(1.5004, 0.0021), with_error(1.5, 1e-9)
    ('1.500 ± 0.002', '1.5')
    """
    if error <= 1e-6 * max(1.0, abs(value)):
        return f"{round(value, 5):g}"
    places = int(np.clip(-np.floor(np.log10(error)), 0, 6))
    return f"{value:.{places}f} ± {error:.{places}f}"

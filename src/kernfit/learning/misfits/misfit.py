"""Whether a residual is noise, and if not, what kind of misfit it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kernfit.learning.misfits.clues import Clues
from kernfit.learning.misfits.rivals import Rival
from kernfit.learning.misfits.structure import Structure

# A finding counts if noise would do as well less often than this, if it explains this share of the
# residual, and if what it explains is more than rounding to whole levels leaves, or the residual
# has tails that no rounding leaves, not even between two steps. They were chosen on half of the
# photographs in benchmarks/misfits.py; docs/misfits.md has the other half.
_CHANCE = 1e-3
_SHARE = 0.02
_NO_ROUNDING = 3.5
# Below so much of the after image explained, with a residual that looks like an image itself, or
# below so much in any case, the two are no pair.
_UNRELATED, _IMAGE, _NOTHING = 0.25, 0.5, 0.02
# A cause that explains so much of the residual is named, whatever else was done.
_MOST_OF_IT, _A_LITTLE = 0.5, 0.1
_MORE_THAN_LOSSES = 0.2
_LEAVES_AN_IMAGE = 0.2
# Levels so far apart explain a residual of up to this share of a step: 1/sqrt(12), dithered more.
_STEPS = 0.6
_PILED_UP = 0.03
# As many roundings to whole levels between steps as programs that blur in passes have, and what
# tails they may leave.
_STEPS_ROUNDED, _NO_TAILS = 4.0, 3.2
_HEAVY_TAILS = 8.0
_FAR_OFF = (0.0005, 0.1)
_ROUGH = (0.05, 1e-4)


@dataclass(frozen=True)
class Misfit:
    """Why no kernel explains a pair.

    Attributes
    ----------
    kind : str
        "colour", "linear light", "swapped", "clipped", "tone curve", "coarse levels", "lossy",
        "moved", "varies over the field", "outliers", "non-linear" or "unrelated".
    sentence : str
        How that shows; begins in lower case and ends without a full stop.
    remedy : str
        What to do; a sentence.
    advice : Mapping
        Options of `learn` that do it, if there are any.
    """

    kind: str
    sentence: str
    remedy: str
    advice: Mapping[str, Any] = field(default_factory=dict)

    def about(self, what: str) -> str:
        """Return the sentence, of what is not enough: "a kernel"."""
        if self.kind in ("moved", "unrelated", "swapped"):
            return self.sentence[0].upper() + self.sentence[1:]
        return f"Not {what} alone: {self.sentence}"


_APART = "Let the kernel vary over the image: learn_varying, or --varying auto."
_ONLY_NEAREST = "The kernel shown is only the nearest."
_NAMED = {
    "tone": (
        "tone curve",
        "what is left over follows the brightness: a tone curve such as gamma",
        "Take the curve off the after image first.",
    ),
    "detail": (
        "non-linear",
        "what is left over follows the detail of the image, as a median, a threshold or noise in "
        "the before image leaves it",
        _ONLY_NEAREST,
    ),
    "drift": (
        "varies over the field",
        "what is left over drifts over the image: a background or a vignette was added",
        "Let kernel and background vary: learn_varying, or --varying auto.",
    ),
    "gain": (
        "varies over the field",
        "the brightness is scaled otherwise in other parts of the image: a vignette",
        "Let the kernel vary over the image: learn_varying, or --varying auto.",
    ),
    "blur": ("varies over the field", "parts of the image have different kernels", _APART),
    "motion": (
        "varies over the field",
        "parts of the image are moved by different amounts: a distortion, or another size",
        "Bring both to the same geometry first.",
    ),
}


def _rounded_between(found: Structure, amount: float, rms: float) -> bool:
    """Whether rounding after each of some steps, of levels that are whole, leaves such a residual.

    It is taken times what the kernel makes of the last step, and has no tails.
    """
    return (
        found.step > 0
        and rms**2 <= (1 + _STEPS_ROUNDED * amount**2) / 12
        and found.reach <= 0.5 + _STEPS_ROUNDED / 2 * amount
        and found.kurtosis < _NO_TAILS
    )


def _named(rival: Rival, share: float, best: str | None, compressed: bool) -> bool:
    """Whether a rival explains more than anything else; compression spares brightness."""
    if best == "tone" and share > rival.share:
        return False  # channels that mix follow a curve that bends each
    return rival.share > _MOST_OF_IT or (rival.share > max(share, _A_LITTLE) and not compressed)


def kind_of_misfit(
    found: Structure, clues: Clues, *, rms: float, floor: float, r2: float
) -> Misfit | None:
    """Return the kind of misfit that a residual's structure shows; None if it looks like noise.

    Parameters
    ----------
    found : Structure
    clues : Clues
        What the images as wholes show.
    rms, floor : float
        Of the residual, and what rounding alone would leave.
    r2 : float
        Share of the after image's variance that is explained.

    Returns
    -------
    Misfit or None
    """
    if clues.made is not None:
        return None
    shares = {
        name: finding.share
        for name in _NAMED
        if (finding := getattr(found, name)).chance < _CHANCE
        and finding.share > _SHARE
        and (finding.share * rms**2 > floor**2 or found.kurtosis > _NO_ROUNDING)
    }
    best = max(shares, key=lambda name: shares[name], default=None)
    share = shares[best] if best is not None else 0.0
    if clues.rival is not None and _named(clues.rival, share, best, clues.compressed):
        rival = clues.rival
        return Misfit(rival.kind, rival.sentence, rival.remedy, rival.advice)
    if found.retouched is not None and share < _MORE_THAN_LOSSES and clues.geometry is None:
        return Misfit(
            "outliers",
            f"part of the image, {found.retouched.where}, is not the work of the kernel that made "
            "the rest: it was painted over or retouched",
            "Leave it out with a mask.",
        )
    if found.step > 1 and rms < _STEPS * found.step:
        return Misfit(
            "coarse levels",
            f"the after image's levels are {found.step} or more apart: it was posterised or "
            "dithered",
            "Use an after image that has all its levels.",
        )
    # What was moved leaves the slopes of the image, or an image; noise may look moved by chance.
    left = found.neighbours > _LEAVES_AN_IMAGE or found.motion.chance < _CHANCE
    if (
        clues.geometry is not None
        and left
        and (best not in ("tone", "detail") or share < _MOST_OF_IT)
    ):
        words, remedy = clues.geometry
        return Misfit("moved", f"the after image is {words}", remedy)
    image = found.neighbours > _IMAGE and share < _MOST_OF_IT
    if (r2 < _UNRELATED and image) or (r2 < _NOTHING and share < _MOST_OF_IT):
        return Misfit(
            "unrelated",
            "these do not show the same thing: the before image explains only "
            f"{max(r2, 0):.1%} of the after image",
            "Are these a pair? Look for another file, another size, or a large shift.",
        )
    if clues.compressed and share < _MORE_THAN_LOSSES:
        return Misfit(
            "lossy",
            "the after image was compressed with losses, as JPEG does in blocks of 8x8 pixels",
            "Use a file without losses, such as PNG; the kernel shown is close.",
        )
    if best == "tone" and found.piled_up > _PILED_UP:
        return Misfit(
            "clipped",
            f"{found.piled_up:.1%} of the after image lie at its extreme level {found.level:g}, "
            "where it looks clipped",
            f"Give {found.level:g} as one of the clip levels.",
        )
    if found.ranked and (best is None or share < _MOST_OF_IT):
        return Misfit(
            "non-linear",
            "each pixel is one of the levels around it in the before image, as a median, an "
            "extreme or the most frequent level leaves it",
            _ONLY_NEAREST,
        )
    if best in (None, "detail") and _rounded_between(found, clues.amount, rms):
        return None
    if best is not None:
        return Misfit(*_NAMED[best])
    if found.kurtosis > _HEAVY_TAILS and _FAR_OFF[0] < found.far < _FAR_OFF[1]:
        return Misfit(
            "outliers",
            f"{found.far:.2%} of the pixels are far off while the rest agree",
            "Leave them out with robust=True, or give a mask.",
            {"robust": True},
        )
    if found.rough.share > _ROUGH[0] and found.rough.chance < _ROUGH[1]:
        return Misfit(
            "non-linear",
            "what is left over is larger where the image has more detail, as a lossy file or a "
            "denoiser leaves it",
            _ONLY_NEAREST,
        )
    return None

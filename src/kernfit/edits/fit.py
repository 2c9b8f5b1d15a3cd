"""The answer of `learn_edit`: the edit, how well it copies, and words for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kernfit.arrays import Array
from kernfit.edits.chain import Edit
from kernfit.edits.stage import Stage
from kernfit.learning.answers.fit import Fit
from kernfit.learning.answers.verdict import Status

# In levels of 8 bits: what is left where a copy differs by rounding alone, and where it is near.
ROUNDING, NEAR = 0.42, 1.5


@dataclass(frozen=True, eq=False)
class EditFit:
    """An edit learnt from a pair of images, and whether to believe it.

    Attributes
    ----------
    edit : Edit
    kernel_fit : Fit or None
        What one kernel alone makes of the pair; None where that was not asked.
    residual_rms : float
        Root mean square of what the edit leaves, in the after image's unit.
    held_out : float
        The same in blocks of the picture that were held out.
    nothing : float
        The same if nothing were done; NaN where the images have different shapes.
    status : Status
    """

    edit: Edit
    kernel_fit: Fit | None
    residual_rms: float
    held_out: float
    nothing: float
    status: Status

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of the edit, the first done first."""
        return self.edit.stages

    def predict(self, image: Array) -> Array:
        """Return what the edit makes of an image: ``fit.edit.apply(image)``."""
        return self.edit.apply(image)

    def sentences(self) -> list[str]:
        """Return whether to believe it, then the stages in their order."""
        return [str(self.status), *(f"{n}. {w}" for n, w in enumerate(self.edit.sentences(), 1))]

    def __str__(self) -> str:
        return "\n".join(self.sentences())


def judged(
    held_out: float, nothing: float, unit: float, floor: float, cells: float | None
) -> Status:
    """Return the verdict.

    Parameters
    ----------
    held_out, nothing : float
        In the after image's unit.
    unit : float
        How many of them an 8-bit level is.
    floor : float
        What rounding alone leaves.
    cells : float or None
        Of an image that was saved as JPEG, what is left of the means of its cells.
    """
    if cells is not None and cells <= NEAR * unit:
        return Status(
            "near",
            "Copies the edit as far as an after image shows that was saved as JPEG: the means of "
            f"its 16x16 pixels differ by {cells:.2g} grey levels on parts it was not learnt from, "
            f"single pixels by {held_out:.3g}",
        )
    left = f"{held_out:.3g} grey levels"
    if held_out <= max(ROUNDING * unit, 1.3 * floor):
        return Status(
            "good",
            f"Copies the edit to within rounding: {left} are left on parts it was not learnt from",
        )
    if held_out <= NEAR * unit:
        return Status(
            "near",
            f"Copies the edit nearly: {left} are left on parts it was not learnt from, more than "
            "rounding",
        )
    of = f" of {nothing:.3g}" if np.isfinite(nothing) else ""
    return Status(
        "misfit",
        f"None of the chains tried is this edit; the best leaves {left}{of} on parts it was not "
        "learnt from",
        "Losses of a file's format leave as much: learn from a file without them, such as PNG.",
    )


def of_shown_colours(status: Status) -> Status:
    """Return the verdict on a table of colours: held-out parts have colours of this picture."""
    sentence = status.sentence.replace(":", ", in colours that this picture shows:", 1)
    return replace(status, sentence=sentence) if status.code in ("good", "near") else status

"""The answer of `learn`: kernel, errors, verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array
from kernfit.correlate import correlate2d
from kernfit.display import taps_as_html, taps_as_text
from kernfit.kernel import Kernel
from kernfit.learning.descent import Descent


@dataclass(frozen=True)
class Status:
    """A verdict: one word for programs, a sentence for people, and what to do about it.

    Attributes
    ----------
    code : str
        "good", "undetermined", "misfit", "unfinished" or "diverged".
    sentence : str
        What it means here.
    remedy : str
        What to do, empty if nothing needs doing.
    """

    code: str
    sentence: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.sentence}. {self.remedy}".strip() if self.remedy else f"{self.sentence}."


@dataclass(frozen=True, eq=False)
class Fit:
    """A kernel learnt from a pair of images, how sure it is, and whether to believe it.

    Attributes
    ----------
    kernel : Kernel
        The taps, bias and anchor.
    stderr : ndarray
        Standard error of each tap, in the shape of ``kernel.taps`` (``kernel.weight`` if it mixes
        channels). NaN where the data do not determine the tap.
    bias_stderr : ndarray, shape (out,)
        Standard error of the bias, in the image's unit; 0 where no bias was learnt.
    covariance : ndarray, shape (out, P, P)
        Covariance of the weights of each output channel, the bias last.
    residual_rms : float
        Root mean square of what the kernel leaves unexplained, in the after image's unit.
    residual_floor : float
        What rounding to whole levels alone would leave: 1/sqrt(12) for integer images, else 0.
    r2 : float
        Share of the after image's variance that is explained. A poor judge: non-linear programs
        reach 0.994. Compare `residual_rms` with `residual_floor` instead.
    used : int
        Number of pixels of the after image that counted.
    reproduced : int or None
        How many of them the kernel gives exactly once its prediction is rounded to whole levels;
        None where the after image is not made of integers. If it is all of them, the taps are
        the ones that keep every pixel within its half level, which no shift by rounding touches.
    left_out : dict
        How many did not, as "border", "missing", "masked" and "clipped".
    status : Status
        The verdict.
    undetermined : ndarray, shape (directions, in, kh, kw)
        Orthonormal combinations of taps of which the data say nothing.
    history : Descent or None
        The path of gradient descent, if that was asked for.
    """

    kernel: Kernel
    stderr: Array
    bias_stderr: Array
    covariance: Array
    residual_rms: float
    residual_floor: float
    r2: float
    used: int
    reproduced: int | None
    left_out: dict[str, int]
    status: Status
    undetermined: Array
    history: Descent | None = None

    def predict(self, image: ArrayLike, **options: Any) -> Array:
        """Return what the kernel makes of an image: ``correlate2d(image, fit.kernel, ...)``.

        Parameters
        ----------
        image : array_like
            As for `kernfit.correlate2d`.
        **options
            Passed on: ``mode``, ``boundary`` and the others.

        Returns
        -------
        ndarray
        """
        return correlate2d(image, self.kernel, **options)

    def to_dict(self) -> dict[str, Any]:
        """Return the whole answer as plain numbers, lists and strings; NaN becomes None.

        Returns
        -------
        dict
            With the attributes' names as keys.
        """
        record: dict[str, Any] = {
            "kernel": self.kernel.to_dict(),
            "stderr": _plain(self.stderr),
            "bias_stderr": _plain(self.bias_stderr),
            "residual_rms": _plain(self.residual_rms),
            "residual_floor": self.residual_floor,
            "r2": _plain(self.r2),
            "used": self.used,
            "reproduced": self.reproduced,
            "left_out": dict(self.left_out),
            "status": {
                "code": self.status.code,
                "sentence": self.status.sentence,
                "remedy": self.status.remedy,
            },
            "undetermined": _plain(self.undetermined),
        }
        if self.history is not None:
            record["history"] = {
                "losses": _plain(self.history.losses),
                "largest_rate": _plain(self.history.largest_rate),
            }
        return record

    def __repr__(self) -> str:
        rows, columns = self.kernel.shape
        outputs, inputs = self.kernel.weight.shape[:2]
        lines = [f"Fit of a {rows}x{columns} kernel: {self.status}"]
        errors = self.stderr.reshape(self.kernel.weight.shape)
        for o in range(outputs):
            for i in range(inputs):
                if (outputs, inputs) != (1, 1):
                    lines.append(f" output channel {o} from input channel {i}")
                lines.append(taps_as_text(self.kernel.weight[o, i], errors[o, i]))
        bias = "   ".join(
            f"{b:.4g} ± {e:.2g}" if np.isfinite(e) else f"{b:.4g} ?"
            for b, e in zip(self.kernel.bias, self.bias_stderr, strict=True)
        )
        lines.append(f" bias {bias}")
        lines.append(
            f" residual {self.residual_rms:.4g} (floor {self.residual_floor:.3g}), "
            f"{self.used} pixels used"
        )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        errors = self.stderr.reshape(self.kernel.weight.shape)
        tables = "".join(
            taps_as_html(self.kernel.weight[o, i], errors[o, i])
            for o, i in np.ndindex(*self.kernel.weight.shape[:2])
        )
        rows, columns = self.kernel.shape
        bias = ", ".join(f"{b:.4g}" for b in self.kernel.bias)
        return (
            f"<div><p><b>{rows}x{columns} kernel</b>: {self.status}</p>{tables}"
            f"<p>bias {bias}; residual {self.residual_rms:.4g} "
            f"(floor {self.residual_floor:.3g}); {self.used} pixels used</p></div>"
        )


def _plain(value: Any) -> Any:
    """Return nested lists of numbers in which what is not finite has become None."""
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value.tolist()]
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return float(value) if np.isfinite(value) else None

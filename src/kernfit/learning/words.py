"""A fit in a few sentences: what it is, how sure, whether to believe it, what it is called."""

from __future__ import annotations

import numpy as np

from kernfit.arrays import Array
from kernfit.kernel import Kernel
from kernfit.learning.match import Recognition
from kernfit.learning.verdict import Status


def in_sentences(
    kernel: Kernel, errors: Array, status: Status, name: Recognition | None
) -> list[str]:
    """Return the sentences, most important first.

    Parameters
    ----------
    kernel : Kernel
    errors : ndarray, shape (out, in, kh, kw)
        Standard errors of its taps.
    status : Status
    name : Recognition or None
        What it is called, if that was asked.

    Returns
    -------
    list of str
    """
    rows, columns = kernel.shape
    outputs, inputs = kernel.weight.shape[:2]
    mixing = "" if (outputs, inputs) == (1, 1) else f", {inputs} channels in, {outputs} out"
    article = "An" if str(rows).startswith("8") or rows in (11, 18) else "A"
    sentences = [f"{article} {rows}x{columns} kernel{mixing}."]
    known = errors[np.isfinite(errors)]
    if status.code == "misfit":
        pass  # errors of what is no kernel would say nothing
    elif known.size == 0:
        sentences.append("How sure each tap is cannot be said.")
    elif known.size < errors.size:
        sentences.append(
            f"{errors.size - known.size} of {errors.size} taps are not determined (marked ?)."
        )
    elif known.max() <= 1e-9 * max(1e-300, float(np.abs(kernel.weight).max())):
        sentences.append("Each tap is known to the accuracy of the arithmetic.")
    else:
        sentences.append(
            f"Each tap is known to ± {known.max():.1g} or better (one standard error)."
        )
    sentences.append(str(status))
    if name is not None and status.code != "misfit":
        sentences.append(str(name))
    elif name is not None and (near := name.best or name.nearest) is not None:
        sentences.append(f"The nearest kernel with a name is {near.name}.")
    return sentences

"""A fit as it shows itself: in sentences, as text, as a table in notebooks, as a record."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from kernfit.display import taps_as_html, taps_as_text
from kernfit.learning.certainty.undetermined import combinations_as_text
from kernfit.report.answer import Answer


def in_sentences(answer: Answer) -> list[str]:
    """Return what it is, how sure, whether to believe it and what it is called, in this order.

    Of a misfit the verdict comes first, of what is not determined second.

    Parameters
    ----------
    answer : Answer
        A `Fit`, as in all functions here.

    Returns
    -------
    list of str
    """
    weight, status = answer.kernel.weight, answer.status
    rows, columns = answer.kernel.shape
    outputs, inputs = weight.shape[:2]
    mixing = "" if (outputs, inputs) == (1, 1) else f", {inputs} channels in, {outputs} out"
    article = "An" if str(rows).startswith("8") or rows in (11, 18) else "A"
    does = f"a weighted sum of the {rows}x{columns} around it"
    if (rows, columns) == (1, 1):
        does = "that pixel times a number"
    sentences = [f"{article} {rows}x{columns} kernel{mixing}: each pixel becomes {does}."]
    known = answer.stderr[np.isfinite(answer.stderr)]
    if status.code == "misfit":
        # The verdict first; errors of what is no kernel would say nothing.
        sentences = [
            str(status),
            f"The nearest kernel is {rows}x{columns}{mixing}; how far off its weights are cannot "
            "be said.",
        ]
    elif known.size == 0:
        sentences.append("How sure each weight, or tap, is cannot be said.")
    elif known.size < weight.size:
        sentences.append(
            f"{weight.size - known.size} of {weight.size} weights, or taps, are not determined "
            "(marked ?)."
        )
    elif known.max() <= 1e-9 * max(1e-300, float(np.abs(weight).max())):
        sentences.append("Each weight, or tap, is known to the accuracy of the arithmetic.")
    else:
        sentences.append(
            f"Each weight, or tap, is known to ± {known.max():.1g} or better (one standard error; "
            "more than twice that is rare)."
        )
    if status.code == "undetermined":
        sentences.insert(1, str(status))  # before errors that would comfort
    elif status.code != "misfit":
        sentences.append(str(status))
    if mixing or answer.history is not None:
        return sentences
    name = answer.recognise()
    if status.code != "misfit":
        sentences.append(str(name))
    elif (near := name.best or name.nearest) is not None:
        sentences.append(f"The nearest kernel with a name is {near.name}.")
    return sentences


def as_text(answer: Answer) -> str:
    """Return a fit as lines of text."""
    weight, errors = answer.kernel.weight, answer.stderr.reshape(answer.kernel.weight.shape)
    rows, columns = answer.kernel.shape
    lines = [f"Fit: {rows}x{columns} kernel. {answer.status}"]
    for o, i in np.ndindex(*weight.shape[:2]):
        if weight.shape[:2] != (1, 1):
            lines.append(f" output channel {o} from input channel {i}")
        lines.append(taps_as_text(weight[o, i], errors[o, i]))
    lines.append(f" bias {_biases(answer, '   ')}")
    lines += untold(answer)
    notes = [f" note: {note}" for note in answer.notes]
    return "\n".join([*lines, f" {_figures(answer)}", *notes])


def untold(answer: Answer) -> list[str]:
    """Return pictures of the combinations of taps that the data do not tell, if there are any."""
    if len(answer.undetermined):
        text = combinations_as_text(answer.undetermined)
    else:
        text = combinations_as_text(answer.weak, hidden=True)
    return [text] if text else []


def as_html(answer: Answer) -> str:
    """Return a fit as HTML for notebooks."""
    weight, errors = answer.kernel.weight, answer.stderr.reshape(answer.kernel.weight.shape)
    single = weight.shape[:2] == (1, 1)
    tables = "".join(
        taps_as_html(
            weight[o, i],
            errors[o, i],
            caption="" if single else f"output channel {o} from input channel {i}",
            anchor=answer.kernel.anchor,
        )
        for o, i in np.ndindex(*weight.shape[:2])
    )
    first, *others = map(escape, answer.sentences())
    return (
        f"<div><p><b>{first}</b> {' '.join(others)}</p>{tables}"
        f"<p>bias {_biases(answer, ', ')}; {_figures(answer)}</p>"
        f"{''.join(f'<p>Note: {escape(note)}</p>' for note in answer.notes)}</div>"
    )


def as_record(answer: Answer) -> dict[str, Any]:
    """Return a fit as plain numbers, lists and strings; NaN becomes None."""
    record: dict[str, Any] = {
        "kernel": answer.kernel.to_dict(),
        "stderr": _plain(answer.stderr),
        "bias_stderr": _plain(answer.bias_stderr),
        "residual_rms": _plain(answer.residual_rms),
        "residual_floor": answer.residual_floor,
        "r2": _plain(answer.r2),
        "used": answer.used,
        "reproduced": answer.reproduced,
        "left_out": dict(answer.left_out),
        "status": {
            "code": answer.status.code,
            "sentence": answer.status.sentence,
            "remedy": answer.status.remedy,
            "kind": answer.status.kind,
            "advice": dict(answer.status.advice),
        },
        "undetermined": _plain(answer.undetermined),
        "weak": _plain(answer.weak),
        "offset": None if answer.offset is None else list(answer.offset),
        "chi2": answer.chi2,
        "held_out": [
            {"shape": list(shape), "residual_rms": rms} for shape, rms in answer.held_out.items()
        ],
        "notes": list(answer.notes),
    }
    if answer.kernel.weight.shape[:2] == (1, 1):
        record["recognition"] = answer.recognise().to_dict()
    if answer.history is not None:
        record["history"] = {
            "losses": _plain(answer.history.losses),
            "largest_rate": _plain(answer.history.largest_rate),
        }
    return record


def _biases(answer: Answer, between: str) -> str:
    return between.join(
        f"{b:.4g} ± {e:.2g}" if np.isfinite(e) else f"{b:.4g} ?"
        for b, e in zip(answer.kernel.bias, answer.bias_stderr, strict=True)
    )


def _figures(answer: Answer) -> str:
    return (
        f"residual {answer.residual_rms:.4g} (floor {answer.residual_floor:.3g}), "
        f"{answer.used} pixels used"
    )


def _plain(value: Any) -> Any:
    """Return nested lists of numbers in which what is not finite has become None."""
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value.tolist()]
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return float(value) if np.isfinite(value) else None

"""Edits on the command line: learnt where one kernel does not do, done to other pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernfit.cli.learning import Learnt
    from kernfit.edits import EditFit

_LARGEST = 30  # rows or columns that a kernel without a border takes away at most
_CLEAR = 0.7  # an edit must leave less than this share of what one kernel leaves


def edit_at_once(
    before: Path, after: Path, clip: tuple[float, float] | None, mask: Path | None
) -> tuple[EditFit, list[str]] | None:
    """Return an edit that looks at no neighbours, found before kernels are looked for."""
    from kernfit.cli.learning import read_pair
    from kernfit.cli.values import as_mask
    from kernfit.edits import learn_edit, pixelwise_edit
    from kernfit.errors import InvalidInput

    images, notes = read_pair(before, after, clip)
    sizes = [images[name].shape[-2:] for name in ("before", "after")]
    apart = any(a > b or b - a > _LARGEST for b, a in zip(*sizes, strict=True))
    try:
        if apart and mask is None:
            placed = learn_edit(images["before"], images["after"])
            return None if placed.status.code == "misfit" else (placed, notes)
        found = pixelwise_edit(images["before"], images["after"], mask=as_mask(mask))
    except InvalidInput:  # of other sizes, or too small
        return None
    return None if found is None else (found, notes)


def edit_instead(learnt: Learnt, output: Path | None) -> EditFit | None:
    """Return the edit where one kernel is not what was done and a chain clearly is, else None."""
    from kernfit.edits import learn_edit
    from kernfit.edits.neighbours import Neighbours
    from kernfit.errors import InvalidInput

    fit = learnt.fit
    if fit.status.code != "misfit" or fit.offset is not None:
        return None
    if output is not None and output.suffix.lower() != ".json":
        return None  # bare taps are asked for
    shown = learnt.shown
    try:
        found = learn_edit(shown["before"], shown["after"], mask=shown.get("mask"), kernel_fit=fit)
    except InvalidInput:  # of other sizes, or too small
        return None
    alone = len(found.stages) < 2 and all(isinstance(s, Neighbours) for s in found.stages)
    if alone or found.held_out > _CLEAR * fit.residual_rms:
        return None
    return found


def save_kernel(learnt: Learnt, output: Path, transfer: str | None) -> None:
    """Write a kernel; or, if it was learnt in linear light, an edit that goes there and back.

    A kernel's file cannot say in which light the kernel acts, and would be applied to the levels.
    """
    kernel = learnt.fit.kernel
    if transfer is None:
        kernel.save(output)
        return
    from kernfit.edits import Edit
    from kernfit.edits.neighbours import Neighbours
    from kernfit.edits.tone import Tone
    from kernfit.errors import InvalidInput
    from kernfit.kernel import Kernel
    from kernfit.learning.transfer import peak_of

    if output.suffix.lower() != ".json" or kernel.weight.shape[:2] != (1, 1):
        raise InvalidInput(
            f"a kernel of linear light must be one for all channels and written as .json, got "
            f"{kernel.weight.shape[1]} channels and {output}: leave out --channels full, and name "
            "a .json file"
        )
    white = peak_of(learnt.shown["after"], "after")
    inner = Kernel(kernel.taps, kernel.bias / white, anchor=kernel.anchor, name=kernel.name)
    stages = (Tone("to light"), Neighbours(inner), Tone("from light"))
    Edit(stages, white if white == 1 else 255.0).save(output)


def print_edit(
    found: EditFit, output: Path | None, *, notes: list[str], json: bool, quiet: bool
) -> None:
    """Print an edit: whether to believe it, its stages, what one kernel alone would leave."""
    if json:
        from json import dumps

        record = {
            **found.edit.to_dict(),
            "residual_rms": found.residual_rms,
            "held_out": found.held_out,
            "status": found.status.code,
            "sentences": found.sentences(),
        }
        print(dumps(record, indent=2, allow_nan=False))
    elif not quiet:
        print("\n".join(found.sentences()))
        print(f"residual  {found.residual_rms:.4g} grey levels")
        if found.kernel_fit is not None:
            print(f"          {found.kernel_fit.residual_rms:.4g} with one kernel alone")
        for note in notes:
            print(f"note: {note}")
        if output is not None:
            print(f"edit written to {output}")


def apply_edit(path: str, image: Path, out: Path, *, dtype: str | None, quiet: bool) -> None:
    """Do an edit to an image file."""
    from kernfit.cli.targets import check_image_target
    from kernfit.cli.values import as_dtype
    from kernfit.edits import Edit
    from kernfit.io.images import read_image, write_image

    edit = Edit.load(path)
    check_image_target(out)
    source = read_image(image)
    target = source.pixels.dtype if dtype is None else as_dtype(dtype)
    result = edit.apply(source.pixels, dtype=target)
    alpha = source.alpha
    if alpha is not None and (alpha.shape != result.shape[-2:] or alpha.dtype != target):
        alpha = None
    same = len(source.channels) == (1 if result.ndim == 2 else len(result))
    write_image(out, result, alpha=alpha, channels=source.channels if same else None)
    if not quiet:
        size = "x".join(str(n) for n in result.shape[-2:])
        print(f"{out}: {size} {result.dtype}")
        for note in source.notes:
            print(f"note: {image.name}: {note}")
        if source.alpha is not None and alpha is None:
            print(f"note: {image.name}: its alpha does not fit the result and was left out")

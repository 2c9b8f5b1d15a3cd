"""`kernfit learn --varying`: a kernel that changes over the image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kernfit.errors import InvalidInput


def learn_varying_files(
    before: Path,
    after: Path,
    *,
    output: Path | None,
    report: Path | None,
    shape: str | tuple[int, int],
    degree: str,
    background: str,
    variance: str | None,
    difference: Path | None,
    clip: tuple[float, float] | None,
    mask: Path | None,
    robust: bool,
    threads: int | None,
    json: bool,
    quiet: bool,
    refused: Sequence[str],
) -> None:
    """Learn from two image files, write what is asked for and print the answer."""
    from kernfit.cli.answer import describe_varying, print_answer
    from kernfit.cli.learning import read_pair
    from kernfit.cli.targets import check_image_target, check_report_target
    from kernfit.cli.values import as_degree, as_levels, as_mask
    from kernfit.files import check_target
    from kernfit.io.images import read_image, write_image
    from kernfit.learning import learn_varying
    from kernfit.learning.varying.kernel_field import check_field_suffix

    if refused:
        raise InvalidInput(f"--varying cannot be combined, got {' and '.join(refused)}: drop one")
    if output is not None:
        check_field_suffix(output)
        check_target(output)
    check_report_target(report)
    if difference is not None:
        check_image_target(difference)
        if difference.suffix.lower() not in (".npy", ".tif", ".tiff", ".fits", ".fit", ".fts"):
            raise InvalidInput(
                "--difference must end in .npy, .tif or .fits, which hold negative numbers, got "
                f"{difference}"
            )
    if variance not in (None, "photons") and not Path(variance).exists():
        raise InvalidInput(f"--variance must be an image file, or 'photons', got {variance}")
    photons = variance == "photons"
    noise = variance if photons else as_levels(variance, "--variance", numbers=False)
    images, notes = read_pair(before, after, clip)
    shown = {**images, "mask": as_mask(mask)}
    fit = learn_varying(
        **shown,
        degree=as_degree(degree, "--varying"),
        background=None if background == "none" else as_degree(background, "--background"),
        shape=shape,
        variance=noise,
        robust=robust,
        threads=threads,
    )
    if output is not None:
        fit.field.save(output)
    if difference is not None:
        image = fit.difference(images["before"], images["after"], threads=threads)
        held = read_image(after).metadata
        write_image(difference, image.astype("float32"), metadata=held)
    if report is not None:
        fit.report(report, **shown, title=f"{before.name} → {after.name}", notes=notes)
    print_answer(
        fit,
        describe_varying,
        json=json,
        quiet=quiet,
        notes=notes,
        written={"kernel": output, "difference image": difference, "report": report},
    )

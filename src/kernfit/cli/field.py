"""`kernfit apply` with a kernel that varies over the image."""

from __future__ import annotations

from pathlib import Path

from kernfit.errors import InvalidInput


def apply_field(
    kernel: str,
    image: Path,
    out: Path,
    *,
    mode: str,
    boundary: str,
    fill_value: float,
    dtype: str | None,
    overflow: str,
    threads: int | None,
    quiet: bool,
) -> None:
    """Run the field of a file over an image file, each channel alike."""
    import numpy as np

    from kernfit.arrays import one_of
    from kernfit.cli.targets import check_image_target, say_left_out
    from kernfit.cli.values import as_dtype
    from kernfit.correlate import correlate2d
    from kernfit.io.images import read_image, write_image
    from kernfit.learning.varying.kernel_field import KernelField

    field = KernelField.load(kernel)
    modes = ("same", "valid") if field.same_size else ("valid",)
    if one_of(mode, ("same", "valid", "full"), "--mode") not in modes:
        raise InvalidInput(
            f"--mode must be {' or '.join(modes)} for this kernel, which varies over images of "
            f"{field.size[0]}x{field.size[1]}, got {mode!r}"
        )
    check_image_target(out)
    source = read_image(image)
    target = np.dtype(source.pixels.dtype if dtype is None else as_dtype(dtype))
    planes = source.pixels.reshape(-1, *source.pixels.shape[-2:])
    beyond = boundary if mode == "same" else None
    made = np.stack(
        [
            field.predict(plane, boundary=beyond, fill_value=fill_value, threads=threads)
            for plane in planes
        ]
    )
    if mode == "valid" and field.same_size:
        (top, left), (rows, columns) = field.anchor, field.shape
        height, width = field.size
        made = made[:, top : height - rows + 1 + top, left : width - columns + 1 + left]
    # A kernel of one tap rounds and saturates as all others do.
    result = correlate2d(made, [[1.0]], dtype=target, overflow=overflow, threads=threads)
    result = result.reshape(*source.pixels.shape[:-2], *result.shape[-2:])
    held = source.metadata
    write_image(out, result, channels=source.channels or None, metadata=held)
    if not quiet:
        print(f"{out}: {'x'.join(str(n) for n in result.shape[-2:])} {result.dtype}")
        for note in source.notes:
            print(f"note: {image.name}: {note}")
        if source.alpha is not None:
            print(f"note: {image.name}: its alpha was left out")
        say_left_out(out, held, len(source.channels))

"""`kernfit demo`: the lesson that kernfit grew from, run and explained."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer

from kernfit.cli.guard import Overwrite

# What --folder writes.
FILES = ("before.png", "after.png", "sharpen.json")


def demo(
    folder: Annotated[
        Path | None,
        typer.Option(help="Also write the last part's images and kernel into this folder."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Run the lesson, then find out what was done to a photograph."""
    if folder is not None:
        from kernfit.cli.guard import check_outputs

        check_outputs((), [folder / name for name in FILES], overwrite=overwrite)
    for number, (title, part) in enumerate(
        (
            ("Cross-correlation", _correlation),
            ("A convolutional layer", _layer),
            ("Edges: where pixels change", _edges),
            ("Learning the kernel from X and Y", _learning),
            ("Why correlation can stand in for convolution", _convolution),
            ("Feature map", _feature_map),
            ("Receptive field", _receptive_field),
        ),
        1,
    ):
        print(f"\n{number}. {title}\n{'-' * (len(title) + 3)}")
        part()
    print("\n8. The same on a real photograph\n--------------------------------")
    _photograph(folder)


def _say(text: str) -> None:
    print(textwrap.fill(" ".join(text.split()), 88))


def _show(name: str, array: Any) -> None:
    from numpy import array2string

    text = array2string(array, prefix=" " * (len(name) + 5), precision=4, suppress_small=True)
    print(f"  {name} = {text}")


def _correlation() -> None:
    from kernfit.correlate import corr2d, correlate2d
    from kernfit.lesson import INPUT, WINDOW

    _say(
        """A kernel slides over an image, left to right and top to bottom. At each place the part
        of the image under it is multiplied by the kernel, element by element, and summed."""
    )
    _show("image ", INPUT)
    _show("kernel", WINDOW)
    _show("corr2d(image, kernel), by nested loops ", corr2d(INPUT, WINDOW))
    _show("correlate2d(image, kernel), the engine ", correlate2d(INPUT, WINDOW))
    print("  The first number: 0*0 + 1*1 + 3*2 + 4*3 = 19.")


def _edges() -> None:
    from kernfit.correlate import correlate2d
    from kernfit.lesson import EDGE_KERNEL, black_bar

    _say("Edges are where pixels change. White is 1, black is 0:")
    image = black_bar()
    _show("X", image)
    print("  The kernel [1, -1] answers 0 for equal neighbours:")
    _show("Y", correlate2d(image, EDGE_KERNEL))
    print("  +1 where white turns to black, -1 where black turns to white.")


def _layer() -> None:
    import numpy as np

    from kernfit.correlate import conv2d, correlate2d
    from kernfit.lesson import INPUT, WINDOW

    _say("A convolutional layer is that plus a bias: y = k * x + b. Training learns k and b.")
    _show("k * x + 10", correlate2d(INPUT, WINDOW) + 10)
    _say(
        """With several channels, each output channel sums over all input channels. Two in (the
        image, and 1 more than the image), one out:"""
    )
    stacked = np.stack([INPUT, INPUT + 1])[np.newaxis].astype(float)
    weight = np.stack([WINDOW, WINDOW + 1])[np.newaxis].astype(float)
    _show("conv2d", conv2d(stacked, weight)[0, 0])


def _learning() -> None:
    import numpy as np

    from kernfit.correlate import correlate2d
    from kernfit.learning import Statistics, learn
    from kernfit.lesson import EDGE_KERNEL, RATE, STEPS, black_bar

    x = black_bar()
    y = correlate2d(x, EDGE_KERNEL)
    _say(
        f"""Given only X and Y, which kernel was it? Start from (0, 0); {STEPS} times: predict,
        take the sum of squared errors, go {RATE} times the gradient downhill (bias held at 0):"""
    )
    path = Statistics.of(x, y, (1, 2)).descend(RATE, STEPS, start=np.zeros((1, 2)), bias=False)
    print(f"  start (0, 0): loss {path.losses[0]:.4f}")
    for step in range(2, STEPS + 1, 2):
        # As the lesson has it: the loss of the prediction from which a batch's step is taken.
        print(f"  batch {step}, loss {path.losses[step - 1]:.4f}")
    first, second = path.weights[-1][:2, 0]
    print(f"  after {STEPS} steps: kernel ({first:.7f}, {second:.7f})")
    _say(
        """The loss depends on the images only through a few sums, so the exact answer takes one
        line, learn(X, Y):"""
    )
    _show("learn(X, Y).kernel.taps", learn(x, y).kernel.taps + 0.0)


def _convolution() -> None:
    import numpy as np

    from kernfit.correlate import convolve2d, correlate2d
    from kernfit.learning import learn

    _say(
        """Convolution flips the kernel in both axes first. A layer that learns under one rule
        learns the flipped kernel under the other, and its output is the same:"""
    )
    x = np.random.default_rng(0).integers(0, 9, (12, 12))
    kernel = np.array([[1, 2], [3, 4]])
    with_correlation = learn(x, correlate2d(x, kernel)).kernel
    with_convolution = learn(x, convolve2d(x, kernel)).kernel
    _show("learnt from correlate2d(x, k)", with_correlation.taps)
    _show("learnt from convolve2d(x, k) ", with_convolution.taps)
    same = np.allclose(with_correlation.taps, with_convolution.flipped().taps)
    print(f"  Each is the other flipped: {same}.")


def _feature_map() -> None:
    _say(
        """A layer's output, seen as a picture of what it found where, is a feature map. Y above is
        one, of edges."""
    )


def _receptive_field() -> None:
    from kernfit.see import LayerSpec, receptive_field

    _say(
        """The receptive field of an element of a feature map is every place of the input that may
        affect it."""
    )
    one = [LayerSpec((2, 2))]
    for layers, name in ((one, "one 2x2 layer "), (one * 2, "two 2x2 layers")):
        field = receptive_field(layers)
        (top, bottom), (left, right) = field.window(0, 0)
        print(
            f"  {name}: output (0, 0) sees rows {top} to {bottom - 1}, columns {left} to "
            f"{right - 1}: {field.size[0]}x{field.size[1]} pixels"
        )
    print("  Of the 3x3 image above, one element after two layers sees all of it.")


def _photograph(folder: Path | None) -> None:
    import numpy as np
    from PIL import ImageFilter

    from kernfit.cli.answer import describe
    from kernfit.learning import learn
    from kernfit.lesson import photograph

    before, what = photograph()
    after = before.filter(ImageFilter.SHARPEN)
    _say(
        f"""Before: {what}. After: what Pillow's filter SHARPEN made of it, in 8 bits. Neither its
        shape nor its numbers are told to kernfit."""
    )
    fit = learn(np.asarray(before), np.asarray(after))
    print(textwrap.indent(describe(fit), "  "))
    print("  Pillow's own numbers: -2/16 = -0.125 around 32/16 = 2.")
    if folder is not None:
        from kernfit.io.images import write_image

        folder.mkdir(parents=True, exist_ok=True)
        first, second, kernel = (folder / name for name in FILES)
        write_image(first, np.asarray(before))
        write_image(second, np.asarray(after))
        fit.kernel.save(kernel)
        print(f"\nTry it: kernfit learn {first} {second}")
        print("With --report page.html it draws what it finds.")

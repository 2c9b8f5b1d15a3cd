"""`kernfit demo`: the lesson that kernfit grew from, run and explained."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer


def demo(
    folder: Annotated[
        Path | None,
        typer.Option(help="Also write the last part's images and kernel into this folder."),
    ] = None,
) -> None:
    """Run the lesson, then find out what was done to a photograph."""
    for number, (title, part) in enumerate(
        (
            ("Cross-correlation", _correlation),
            ("Edges", _edges),
            ("A convolutional layer", _layer),
            ("Learning the kernel from (X, Y)", _learning),
            ("Why correlation can stand in for convolution", _convolution),
            ("Feature map and receptive field", _receptive_field),
        ),
        1,
    ):
        print(f"\n{number}. {title}\n{'-' * (len(title) + 3)}")
        part()
    print("\n7. The same on a real photograph\n--------------------------------")
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
    for step in range(0, STEPS, 2):
        print(f"  step {step}: loss {path.losses[step]:.4f}")
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


def _receptive_field() -> None:
    from kernfit.see import LayerSpec, receptive_field

    _say(
        """A layer's output, seen as a picture of what it found where, is a feature map. The
        receptive field of one of its elements is every place of the input that may affect it."""
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
        write_image(folder / "before.png", np.asarray(before))
        write_image(folder / "after.png", np.asarray(after))
        fit.kernel.save(folder / "sharpen.json")
        print(f"\nTry it: kernfit learn {folder / 'before.png'} {folder / 'after.png'}")
        print("With --report page.html it draws what it finds.")

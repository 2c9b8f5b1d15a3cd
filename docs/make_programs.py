"""Write down what image programs do: ``python docs/make_programs.py > docs/programs.md``."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill

from kernfit import learn

sys.path.append(str(Path(__file__).parents[1] / "tests" / "learning"))

from program_kernels import Linear, NonLinear
from programs import IN_PYTHON, MAKERS, MATRICES
from running import TIMEOUT, executable, pair

ASKED_FOR_VERSION = {
    "ImageMagick": ("convert", "-version"),
    "GraphicsMagick": ("gm", "version"),
    "ffmpeg": ("ffmpeg", "-version"),
    "vips": ("vips", "--version"),
    "netpbm": ("pnmconvol", "--version"),
}
IN_WORDS = {
    "rounds": "rounds",
    "cuts": "cuts off",
    "each pass": "rounds more than once",
    "none": "keeps floats",
}
HEAD = """\
# Programs

What image programs really do, as kernfit finds it from pairs of images. This page is made by
`python docs/make_programs.py > docs/programs.md`; `tests/learning/test_programs.py` holds all of it
to the kernels that the programs' documentation promises, and to an ordinary least squares.

The image before is the middle of a portrait: `grey8` has 8 bits, `grey16` 16 bits, `grey32`
floating numbers from 0 to 1, `colour8` three channels of 8 bits. The image after is what the
command writes. Kernels are in correlation orientation, as everywhere here: the tap at the top left
looks up and left.
"""
KERNELS = """
| {word} | kernel | bias | it | pixels reproduced |
|---|---|---|---|---|
"""
MISFITS = """
Not a kernel, and said so:

| {word} | what it looks like | R² |
|---|---|---|
"""
NOTES = {
    "ImageMagick": (
        "`-convolve` and `-morphology Correlate` slide the kernel as it is written, `-morphology "
        "Convolve` turns it by 180 degrees. Of an even kernel the centre is up and left of the "
        "middle, turned as well. PNG files get what is cut off to 8 bits, TIFF and PNM files what "
        "is rounded: the same command gives two biases. Floating numbers are cut to 16 bits and "
        "clipped at 0 and 1 on the way. `-median 1` of version 6 changes nothing; `-statistic` is "
        "the one to use. `-blur` is no plain Gaussian: each tap sums one at three places."
    ),
    "GraphicsMagick": "`-convolve` does not turn the kernel. 8-bit files of all kinds are cut off.",
    "ffmpeg": (
        "`convolution` does not turn the kernel. Version 5.1 divides by the sum of the matrix "
        "whatever `rdiv` says, gets a few pixels beside the top left corner wrong in mode "
        "`column`, and of these filters only `gblur` works on floating numbers. `gblur` is "
        "recursive: its kernel is two falling exponentials, not a Gaussian, and never ends."
    ),
    "vips": (
        "`conv` does not turn the kernel. It keeps floats unless told otherwise, and cuts them off "
        "when they are put into a file of integers; with integer precision it rounds. Of an even "
        "kernel the centre is down and right of the middle. Without `--vips-novector` version 8.14 "
        "replaces the taps by fractions of a small power of two: 0.0624 for 1/16."
    ),
    "netpbm": "`pnmconvol` does not turn the kernel, takes odd shapes only, and rounds.",
    "Pillow": (
        "`ImageFilter.Kernel` counts the kernel's rows from the bottom. Blurs round after each "
        "pass; `GaussianBlur` is three boxes of fractional width in each direction."
    ),
    "SciPy": "Of an even kernel, `correlate` has its centre down and right of the middle.",
}


def version(program):
    """Return what a program says of its version; of a library, its package."""
    if program in IN_PYTHON:
        return metadata.version(program.lower())
    word, option = ASKED_FOR_VERSION[program]
    told = subprocess.run(
        [executable(word), option], capture_output=True, timeout=TIMEOUT, check=False
    )
    text = (told.stdout + told.stderr).decode(errors="replace")
    return re.search(r"\d+\.\d+[\d.-]*\d", text)[0]


def learnt(case):
    """Return what `learn` finds for a case."""
    with TemporaryDirectory() as folder:
        return learn(*pair(case, Path(folder)))


def linear_row(case):
    fit = learnt(case)
    rows, columns = fit.kernel.shape
    name = str(fit.recognise()).removeprefix("It is ").split(";")[0].rstrip(".")
    exact = "" if fit.reproduced is None else f"{100 * fit.reproduced / fit.used:.6g} %"
    bias = f"{round(fit.kernel.bias[0], 3) + 0.0:.3f}"
    return (
        f"| `{case.command}` | {rows}x{columns}: {name} | {bias} | {IN_WORDS[case.rounding]} "
        f"| {exact} |"
    )


def nonlinear_row(case):
    fit = learnt(case)
    return f"| `{case.command}` | {fit.status.kind or 'not noticed'} | {fit.r2:.4f} |"


def document():
    """Give docs/programs.md line by line."""
    yield HEAD
    for maker in MAKERS:
        cases = maker()
        program = cases[0].program
        word = "expression" if program in IN_PYTHON else "command"
        yield f"## {program} {version(program)}\n\n{fill(NOTES[program], 100)}"
        if program == "vips":
            for file, text in MATRICES.items():
                yield f"`{file}`: `{' / '.join(text.splitlines())}`."
        yield KERNELS.format(word=word).rstrip()
        yield from (linear_row(case) for case in cases if isinstance(case, Linear))
        yield MISFITS.format(word=word).rstrip()
        yield from (nonlinear_row(case) for case in cases if isinstance(case, NonLinear))
        yield ""


if __name__ == "__main__":
    for line in document():
        print(line)

"""A kernel as text to paste into other programs, each with its own conventions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kernfit.arrays import Array
from kernfit.display import readable
from kernfit.interop.conventions import convert
from kernfit.io.kernels import kernel_as_json
from kernfit.kernel import Kernel
from kernfit.report.ffmpeg import ffmpeg_filter


@dataclass(frozen=True)
class Recipe:
    """How to apply a kernel with one program.

    Attributes
    ----------
    program : str
    text : str
        To be pasted; it reads a file named input and writes one named output. Empty if the program
        cannot do it.
    note : str
        The program's conventions in a sentence, or why it cannot.
    shell : bool
        Whether it is for a shell and not for Python.
    """

    program: str
    text: str
    note: str
    shell: bool = False


@dataclass(frozen=True)
class Files:
    """What kind of images a recipe reads and writes.

    Attributes
    ----------
    top : int or None
        The highest level, of 8- and 16-bit images; None for floating numbers.
    colour : bool
        Whether there are channels.
    """

    top: int | None
    colour: bool

    @property
    def suffix(self) -> str:
        """Pillow knows 8-bit PNG; of 16 bits it keeps only 8 of colours, TIFF keeps all."""
        return {255: ".png", 65535: ".tif"}.get(self.top or 0, ".npy")

    @property
    def reading(self) -> list[str]:
        """Lines that give ``image``, (rows, columns) or (rows, columns, channels)."""
        if self.suffix == ".png":
            mode = '.convert("RGB")' if self.colour else ""
            call = f'np.asarray(Image.open("input.png"){mode}, dtype=float)'
        elif self.suffix == ".tif":
            call = 'tifffile.imread("input.tif").astype(float)'
        else:
            call = 'np.load("input.npy").astype(float)'
        shape = "(rows, columns, channels)" if self.colour else "(rows, columns)"
        imports = {".png": ["from PIL import Image"], ".tif": ["import tifffile"], ".npy": []}
        return ["import numpy as np", *imports[self.suffix], "", f"image = {call}  # {shape}"]

    @property
    def writing(self) -> list[str]:
        """Lines that write ``result``."""
        if self.top is None:
            return ['np.save("output.npy", result)']
        whole = (
            f"np.clip(np.rint(result), 0, {self.top}).astype(np.uint{8 * (1 + (self.top > 255))})"
        )
        if self.suffix == ".png":
            return [f'Image.fromarray({whole}).save("output.png")']
        return [f'tifffile.imwrite("output.tif", {whole})']


def recipes_for(kernel: Kernel, files: Files) -> list[Recipe]:
    """Return recipes for every program that kernfit knows one for.

    All continue the image beyond its border by its last pixels, and give what
    ``correlate2d(image, kernel, mode="same", boundary="edge")`` gives, rounded to whole levels
    where the images have them.

    Parameters
    ----------
    kernel : Kernel
    files : Files

    Returns
    -------
    list of Recipe
    """
    # Rounding nine digits below the largest tap changes no pixel, and is easier to read.
    neat = Kernel(
        readable(kernel.weight, kernel.weight),
        readable(kernel.bias, kernel.weight),
        anchor=kernel.anchor,
    )
    mixing = neat.weight.shape[:2] != (1, 1)
    return [
        *_kernfit(neat, files, mixing),
        *(_mixing(neat, files) if mixing else _single(neat, files)),
        _torch(neat, files, mixing),
        *_programs(neat, files, mixing),
    ]


def _kernfit(kernel: Kernel, files: Files, mixing: bool) -> Iterator[Recipe]:
    if not mixing:
        record = kernel_as_json(kernel.to_dict())
        suffix = files.suffix
        yield Recipe(
            "kernfit, command line",
            f"cat > kernel.json <<'END'\n{record}\nEND\n"
            f"kernfit apply kernel.json input{suffix} output{suffix}",
            "As it was learnt; the border is continued by its last pixels.",
            shell=True,
        )
    taps = kernel.weight if mixing else kernel.taps
    bias = kernel.bias.tolist() if mixing else float(kernel.bias[0])
    lines = [*files.reading, "import kernfit", ""]
    lines += [f"kernel = kernfit.Kernel({_list(taps)}, bias={bias}, anchor={kernel.anchor})"]
    if mixing:
        (row, column), (rows, columns) = kernel.anchor, kernel.shape
        around = ((row, rows - 1 - row), (column, columns - 1 - column))
        lines += [
            "planes = np.moveaxis(np.atleast_3d(image), -1, 0)[np.newaxis]",
            f"result = kernfit.conv2d(planes, kernel.weight, kernel.bias, padding={around}, "
            'boundary="edge")',
            "result = np.moveaxis(result[0], 0, -1).squeeze()",
        ]
    elif files.colour:
        lines += [
            "planes = np.moveaxis(image, -1, 0)  # kernfit has channels first",
            'result = kernfit.correlate2d(planes, kernel, mode="same", boundary="edge")',
            "result = np.moveaxis(result, 0, -1)",
        ]
    else:
        lines += ['result = kernfit.correlate2d(image, kernel, mode="same", boundary="edge")']
    yield Recipe(
        "kernfit",
        "\n".join([*lines, *files.writing]),
        "Correlation: no flip. The anchor is (row, column).",
    )


def _single(kernel: Kernel, files: Files) -> Iterator[Recipe]:
    bias = float(kernel.bias[0])
    call = convert(kernel, "cv2.filter2D", boundary="edge")
    if files.top is None:
        lines = ["import cv2", *files.reading]
        writing = files.writing
    else:
        depth = 16 if files.top > 255 else 8
        lines = [
            "import cv2",
            "import numpy as np",
            "",
            f'image = cv2.imread("input{files.suffix}", cv2.IMREAD_UNCHANGED).astype(float)',
        ]
        writing = [
            f'cv2.imwrite("output{files.suffix}", '
            f"np.clip(np.rint(result), 0, {files.top}).astype(np.uint{depth}))"
        ]
    yield Recipe(
        "OpenCV",
        "\n".join(
            [
                *lines,
                f"kernel = np.array({_list(call.weights)})",
                f"result = cv2.filter2D(image, -1, kernel, anchor={call.arguments['anchor']}, "
                f"delta={bias}, borderType=cv2.BORDER_REPLICATE)",
                *writing,
            ]
        ),
        "filter2D correlates: no flip. Its anchor is (column, row), its bias is called delta. "
        "Floating numbers in, so that nothing is rounded on the way.",
    )
    call = convert(kernel, "scipy.ndimage.correlate", boundary="edge")
    origin = call.arguments["origin"]
    if files.colour:
        deeper, origin = "[:, :, np.newaxis]  # every channel alike", (*origin, 0)
    else:
        deeper = ""
    yield Recipe(
        "SciPy",
        "\n".join(
            [
                *files.reading,
                "from scipy import ndimage",
                "",
                f"kernel = np.array({_list(call.weights)}){deeper}",
                f"result = ndimage.correlate(image, kernel, origin={origin}, "
                f'mode="nearest") + {bias}',
                *files.writing,
            ]
        ),
        "ndimage.correlate does not flip (ndimage.convolve does). Its origin counts from the "
        "middle tap, k // 2. What others call edge or replicate is called nearest.",
    )


def _mixing(kernel: Kernel, files: Files) -> Iterator[Recipe]:
    yield Recipe("OpenCV", "", "filter2D takes one kernel for all channels and cannot mix them.")
    middles = tuple(size // 2 for size in kernel.shape)
    origin = tuple(tap - middle for tap, middle in zip(kernel.anchor, middles, strict=True))
    yield Recipe(
        "SciPy",
        "\n".join(
            [
                *files.reading,
                "from scipy import ndimage",
                "",
                f"weight = np.array({_list(kernel.weight)})  # (out, in, rows, columns)",
                "planes = np.moveaxis(np.atleast_3d(image), -1, 0)",
                "result = [",
                "    sum(",
                f'        ndimage.correlate(plane, taps, origin={origin}, mode="nearest")',
                "        for plane, taps in zip(planes, row)",
                "    )",
                "    for row in weight",
                "]",
                f"result = np.moveaxis(np.array(result), 0, -1).squeeze() + {kernel.bias.tolist()}",
                *files.writing,
            ]
        ),
        "One correlation for each pair of channels. The origin counts from the middle tap, k // 2.",
    )


def _torch(kernel: Kernel, files: Files, mixing: bool) -> Recipe:
    (top, bottom), (left, right) = convert(
        kernel, "torch.nn.functional.conv2d", boundary="edge"
    ).padding
    if mixing:
        planes = "torch.from_numpy(np.atleast_3d(image)).permute(2, 0, 1)[None]"
        back = "result[0].permute(1, 2, 0).squeeze().numpy()"
    elif files.colour:
        planes = "torch.from_numpy(image).permute(2, 0, 1)[:, None]  # channels as a batch"
        back = "result[:, 0].permute(1, 2, 0).numpy()"
    else:
        planes = "torch.from_numpy(image)[None, None]"
        back = "result[0, 0].numpy()"
    taps = kernel.weight if mixing else kernel.taps
    return Recipe(
        "PyTorch",
        "\n".join(
            [
                *files.reading,
                "import torch",
                "",
                f"weight = torch.tensor({_list(taps)}, dtype=torch.float64)"
                + ("" if mixing else "[None, None]"),
                f"bias = torch.tensor({kernel.bias.tolist()}, dtype=torch.float64)",
                f"planes = {planes}",
                "planes = torch.nn.functional.pad("
                f'planes, {(left, right, top, bottom)}, mode="replicate")',
                "result = torch.nn.functional.conv2d(planes, weight, bias)",
                f"result = {back}",
                *files.writing,
            ]
        ),
        "conv2d correlates, in spite of its name: no flip. Weights are (out, in, rows, columns); "
        "padding is (left, right, top, bottom) and decides where the anchor is.",
    )


def _programs(kernel: Kernel, files: Files, mixing: bool) -> Iterator[Recipe]:
    if mixing or files.top is None:
        why = (
            "takes one kernel for all channels and cannot mix them"
            if mixing
            else "works on whole levels of image files; these images hold floating numbers"
        )
        for program in ("ImageMagick", "ffmpeg"):
            yield Recipe(program, "", f"{program} {why}.", shell=True)
        return
    (rows, columns), (row, column) = kernel.shape, kernel.anchor
    taps = " ".join(",".join(decimal(tap) for tap in line) for line in kernel.taps)
    suffix = files.suffix
    yield Recipe(
        "ImageMagick",
        f"convert input{suffix} -virtual-pixel Edge "
        f"-define convolve:bias={decimal(float(kernel.bias[0]) / files.top * 100)}% "
        f"-morphology Correlate '{columns}x{rows}+{column}+{row}: {taps}' output.tif",
        "Correlate does not flip (Convolve does). Width comes before height, the anchor is "
        "+column+row, the bias is in per cent of the highest level. Written as TIFF, for version 6 "
        "cuts decimals off when it writes 8-bit PNG. In version 7 the command is magick.",
        shell=True,
    )
    yield _ffmpeg(kernel, files)


def _ffmpeg(kernel: Kernel, files: Files) -> Recipe:
    assert files.top is not None
    found = ffmpeg_filter(kernel.taps, kernel.anchor, float(kernel.bias[0]), files.top)
    if found is None:
        return Recipe("ffmpeg", "", "ffmpeg takes no kernel of so many taps.", shell=True)
    deep = "16le" if files.top > 255 else ""
    if files.colour:
        name, planes = found.for_colour
        formats = (f"gbrp{deep}", "rgb48le" if deep else "rgb24")
    else:
        name, planes = found.for_grey
        formats = (f"gray{deep}", f"gray{deep}")
    chain = f"format={formats[0]},{name}={planes},format={formats[1]}"
    return Recipe(
        "ffmpeg",
        f'ffmpeg -i input{files.suffix} -vf "{chain}" output{files.suffix}',
        f"{found.note} The border, as wide as the kernel reaches, is treated ffmpeg's own way.",
        shell=True,
    )


def decimal(number: float) -> str:
    """Return a number without an exponent, which not every program reads.

    Examples
    --------
    >>> decimal(-2.5e-7), decimal(3.0), decimal(-0.0)
    ('-0.00000025', '3', '0')
    """
    text = np.format_float_positional(float(number) + 0.0, trim="-")
    return "0" if text == "-0" else text


def _list(taps: Array) -> str:
    """Return taps as nested lists, a row of them on a line."""
    rows = taps.reshape(-1, taps.shape[-1]).tolist()
    if taps.ndim > 2:
        return str((taps + 0.0).tolist() if taps.dtype.kind == "f" else taps.tolist())
    if len(rows) == 1:
        return f"[{rows[0]}]"
    return "[\n" + "".join(f"    {row},\n" for row in rows) + "]"

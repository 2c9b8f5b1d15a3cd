"""Running image programs, to make pairs of images."""

import re
import shlex
import shutil
import subprocess
from functools import cache

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from programs import IN_PYTHON, MATRICES
from scipy import ndimage

from kernfit.io.images import read_image, write_image
from kernfit.lesson import photograph

TIMEOUT = 60  # seconds

# The same program under other names, the surest first.
NAMES = {"convert": ("convert-im6.q16", "convert-im6", "convert")}
BEFORE = re.compile(r"\b(grey8|grey16|grey32|colour8)\b(\.\w+)?")


@cache
def before_images():
    """The middle of the photograph, and what is made of it: (H, W) or (channels, H, W)."""
    grey8 = np.asarray(photograph()[0])[50:450, 56:456]
    low = np.random.default_rng(4).integers(0, 256, grey8.shape)
    grey16 = (256 * grey8.astype(int) + low).astype(np.uint16)
    return {
        "grey8": grey8,
        "grey16": grey16,
        "grey32": (grey16 / 65535).astype(np.float32),
        "colour8": np.stack([grey8, 255 - grey8[:, ::-1], grey8[::-1]]),
    }


@cache
def executable(name):
    """The path of a program, or None: others have the name of ImageMagick's convert, too."""
    for candidate in NAMES.get(name, (name,)):
        path = shutil.which(candidate)
        if path is None:
            continue
        if name != "convert":
            return path
        told = subprocess.run([path, "-version"], capture_output=True, timeout=TIMEOUT, check=False)
        if b"ImageMagick" in told.stdout:
            return path
    return None


def missing(case):
    """The name of the program that a case needs and that is not there, or an empty string."""
    name = case.command.split()[0]
    return "" if case.program in IN_PYTHON or executable(name) else name


def pair(case, folder):
    """Run a case in a folder; return before and after."""
    name, suffix = BEFORE.search(case.command).groups()
    before = before_images()[name]
    if case.program in IN_PYTHON:
        return before, _evaluated(case.command, name, before)
    if suffix == ".raw":
        before.tofile(folder / "grey32.raw")
    else:
        write_image(folder / (name + suffix), before)
    for file, text in MATRICES.items():
        (folder / file).write_text(text)
    words = shlex.split(case.command)
    after = folder / next(word for word in words if word.startswith("after."))
    output = None
    if ">" in words:
        words = words[: words.index(">")]
        output = after.open("wb")
    words[0] = executable(words[0])
    if case.program == "ffmpeg":
        words[1:1] = ["-nostdin", "-loglevel", "error"]
    try:
        told = subprocess.run(
            words,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output or subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=TIMEOUT,
            check=False,
        )
    finally:
        if output is not None:
            output.close()
    # ImageMagick leaves with 1 for a warning, too.
    if not after.exists() or after.stat().st_size == 0:
        raise RuntimeError(f"{case.command}: {told.stderr.decode(errors='replace')}")
    if after.suffix == ".raw":
        return before, np.fromfile(after, np.float32).reshape(before.shape)
    return before, read_image(after).pixels


def _evaluated(command, name, before):
    """What an expression makes of a before image."""
    known = {
        "Image": Image,
        "ImageEnhance": ImageEnhance,
        "ImageFilter": ImageFilter,
        "ImageOps": ImageOps,
        "ndimage": ndimage,
    }
    if "ndimage" in command:
        return eval(command, known, {name: before})
    picture = Image.fromarray(np.moveaxis(before, 0, -1) if before.ndim == 3 else before)
    after = np.asarray(eval(command, known, {name: picture}))
    return np.moveaxis(after, -1, 0) if after.ndim == 3 else after

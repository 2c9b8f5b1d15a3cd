"""Is it a kernel at all?  ``python -m benchmarks.misfits > docs/misfits.md``.

Photographs and textures go through programs that are no kernel, and through kernels with noise;
counted is how often `learn` says so, and how often it is right about the kind. The thresholds of
`kernfit.learning.misfits.misfit` were chosen on the first half of the pictures; the second half
tells how well they do. It takes about twenty minutes on one core, and goes on where it was
interrupted; ``--photos=camera,moon`` only adds these pictures.
"""

from __future__ import annotations

import io
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageFilter, ImageOps
from scipy import ndimage

from kernfit import learn
from kernfit.lesson import photograph, scene

SIDE = 224
RAW = Path("build/misfits.jsonl")
TUNED = ("astronaut", "brick", "camera", "cell", "chelsea", "clock_motion", "coffee", "coins",
         "grass", "hopper", "scene")  # fmt: skip
HELD_OUT = ("gravel", "hubble_deep_field", "ihc", "moon", "motorcycle_left", "page", "retina",
            "rocket", "text", "fractal")  # fmt: skip
KERNEL = np.array([[0.05, 0.1, 0.05], [0.1, 0.45, 0.1], [0.02, 0.08, 0.05]])
SHARPER = np.array([[0, -1, 0], [-1, 6, -1], [0, -1, 0]]) / 2


def picture(name: str) -> np.ndarray:
    """Return the middle of a picture, in 8 bits."""
    if name == "scene":
        return scene((SIDE, SIDE))
    if name == "fractal":
        noise = np.random.default_rng(3).normal(size=(SIDE, SIDE))
        frequency = np.hypot(*np.meshgrid(*2 * [np.fft.fftfreq(SIDE)]))
        frequency[0, 0] = 1
        surface = np.fft.ifft2(np.fft.fft2(noise) / frequency**1.2).real
        return levels(128 + 45 * (surface - surface.mean()) / surface.std())
    if name == "hopper":
        image = photograph()[0]
    else:
        import skimage.data

        folder = Path(skimage.data.__file__).parent
        path = next(folder / f"{name}{end}" for end in (".png", ".jpg")
                    if (folder / f"{name}{end}").exists())  # fmt: skip
        image = Image.open(path).convert("L")
    pixels = np.asarray(image)
    top, left = ((side - SIDE) // 2 for side in pixels.shape)
    return np.ascontiguousarray(pixels[max(0, top) :, max(0, left) :][:SIDE, :SIDE])


def levels(image: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def blurred(x: np.ndarray) -> np.ndarray:
    return ndimage.correlate(x.astype(float), KERNEL, mode="nearest")


def by_pillow(image_filter) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.asarray(Image.fromarray(x).filter(image_filter))


def lossy(kind: str, quality: int, first=blurred) -> Callable[[np.ndarray], np.ndarray]:
    def saved(x):
        file = io.BytesIO()
        Image.fromarray(levels(first(x))).save(file, kind, quality=quality)
        return np.asarray(Image.open(file).convert("L"))

    return saved


def gamma(power: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: levels(255 * (blurred(x) / 255) ** power)


def contrast(amount: float) -> Callable[[np.ndarray], np.ndarray]:
    def curve(x):
        level = blurred(x) / 255
        return levels(255 * (level - amount * np.sin(2 * np.pi * level) / (2 * np.pi)))

    return curve


def affine(turn: float = 0, scale: float = 1, shift=(0, 0)) -> Callable[[np.ndarray], np.ndarray]:
    def warped(x):
        height, width = x.shape
        matrix = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), turn, scale)
        matrix[:, 2] += shift
        return cv2.warpAffine(
            x, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
        )

    return warped


def wild(share: float) -> Callable[[np.ndarray], np.ndarray]:
    def hit(x):
        rng = np.random.default_rng(1)
        return levels(
            np.where(rng.random(x.shape) < share, rng.uniform(0, 255, x.shape), blurred(x))
        )

    return hit


def painted(x: np.ndarray) -> np.ndarray:
    image = levels(blurred(x))
    image[50:80, 50:200] = 230
    return image


def cloned(x: np.ndarray) -> np.ndarray:
    image = levels(blurred(x))
    top = min(130, len(x) - 50)
    image[40:90, 30:110] = image[top : top + 50, 120:200]
    return image


def filled_in(x: np.ndarray) -> np.ndarray:
    """Fill a hole (A. Telea, 2004)."""
    image, hole = levels(blurred(x)), np.zeros(x.shape, np.uint8)
    hole[60:110, 90:150] = 1
    return cv2.inpaint(image, hole, 5, cv2.INPAINT_TELEA)


def dithered(count: int) -> Callable[[np.ndarray], np.ndarray]:
    """R. W. Floyd and L. Steinberg, 1976."""

    def diffused(x):
        image, step = np.pad(blurred(x), ((0, 1), (1, 1))), 255 / (count - 1)
        for i in range(x.shape[0]):
            for j in range(1, x.shape[1] + 1):
                level = np.clip(np.rint(image[i, j] / step), 0, count - 1) * step
                error, image[i, j] = image[i, j] - level, level
                for down, right, part in ((0, 1, 7), (1, -1, 3), (1, 0, 5), (1, 1, 1)):
                    image[i + down, j + right] += error * part / 16
        return levels(image[:-1, 1:-1])

    return diffused


def across(x: np.ndarray) -> np.ndarray:
    return np.linspace(0, 1, x.shape[1])


def vignette(amount: float) -> Callable[[np.ndarray], np.ndarray]:
    def darker(x):
        rows, columns = np.mgrid[-1 : 1 : 1j * x.shape[0], -1 : 1 : 1j * x.shape[1]]
        return levels(blurred(x) * (1 - amount * (rows**2 + columns**2) / 2))

    return darker


def from_to(first: float, last: float) -> Callable[[np.ndarray], np.ndarray]:
    def blends(x):
        left, right = (ndimage.gaussian_filter(x.astype(float), s) for s in (first, last))
        return levels((1 - across(x)) * left + across(x) * right)

    return blends


NON_LINEAR, TONE, FIELD = {"non-linear"}, {"tone curve"}, {"varies over the field"}
COARSE, LOSSY, MOVED = {"coarse levels"}, {"lossy", "non-linear"}, {"moved", "unrelated"}
MISFITS: dict[str, tuple[set[str], Callable[[np.ndarray], np.ndarray]]] = {
    "median 3x3": (NON_LINEAR, by_pillow(ImageFilter.MedianFilter(3))),
    "median 5x5": (NON_LINEAR, by_pillow(ImageFilter.MedianFilter(5))),
    "minimum 3x3": (NON_LINEAR, by_pillow(ImageFilter.MinFilter(3))),
    "most frequent 3x3": (NON_LINEAR, by_pillow(ImageFilter.ModeFilter(3))),
    "unsharp mask, threshold 3": (NON_LINEAR, by_pillow(ImageFilter.UnsharpMask(2, 150, 3))),
    "unsharp mask, threshold 10": (NON_LINEAR, by_pillow(ImageFilter.UnsharpMask(2, 100, 10))),
    "length of the slope": (
        NON_LINEAR,
        lambda x: levels(np.hypot(*(ndimage.sobel(x.astype(float), a) for a in (0, 1))) / 4),
    ),
    "bilateral, 10 levels": (NON_LINEAR, lambda x: cv2.bilateralFilter(x, 5, 10, 2)),
    "bilateral, 40 levels": (NON_LINEAR, lambda x: cv2.bilateralFilter(x, 5, 40, 2)),
    "non-local means": (NON_LINEAR, lambda x: cv2.fastNlMeansDenoising(x, None, 5, 7, 15)),
    "local contrast (CLAHE)": (
        NON_LINEAR | TONE | FIELD,
        lambda x: cv2.createCLAHE(2.0, (8, 8)).apply(x),
    ),
    "gamma 1.05": (TONE, gamma(1.05)),
    "gamma 1.2": (TONE, gamma(1.2)),
    "gamma 1/2.2": (TONE, gamma(1 / 2.2)),
    "weak S-curve": (TONE, contrast(0.1)),
    "S-curve": (TONE, contrast(0.5)),
    "equalised": (TONE, lambda x: np.asarray(ImageOps.equalize(Image.fromarray(x)))),
    "solarised": (
        TONE | NON_LINEAR,
        lambda x: np.asarray(ImageOps.solarize(Image.fromarray(x), 128)),
    ),
    "posterised to 8 levels": (COARSE, lambda x: x & 0xE0),
    "posterised to 32 levels": (COARSE, lambda x: x & 0xF8),
    "dithered to 8 levels": (COARSE, dithered(8)),
    **{f"JPEG at {quality}": (LOSSY, lossy("JPEG", quality)) for quality in (50, 75, 85, 90, 95)},
    "sharpened, JPEG at 85": (LOSSY, lossy("JPEG", 85, by_pillow(ImageFilter.SHARPEN))),
    "WebP at 75": (LOSSY, lossy("WEBP", 75)),
    "0.2 % wild pixels": ({"outliers"}, wild(0.002)),
    "3 % wild pixels": ({"outliers"}, wild(0.03)),
    "a rectangle painted over": ({"outliers"}, painted),
    "a part cloned from elsewhere": ({"outliers"}, cloned),
    "a part filled in from around it": ({"outliers"}, filled_in),
    "vignette, 10 % in the corners": (FIELD, vignette(0.1)),
    "vignette, 40 % in the corners": (FIELD, vignette(0.4)),
    "background": (FIELD, lambda x: levels(0.8 * blurred(x) + 20 * across(x))),
    "blur from sigma 0.5 to 1": (FIELD, from_to(0.5, 1)),
    "blur from sigma 0.3 to 1.5": (FIELD, from_to(0.3, 1.5)),
    "scaled by 1.01": (MOVED | FIELD, affine(scale=1.01)),
    "scaled by 1.05": (MOVED, affine(scale=1.05)),
    "scaled by 0.95": (MOVED, affine(scale=0.95)),
    "rotated by 0.3 degrees": (MOVED | FIELD, affine(turn=0.3)),
    "rotated by 1 degree": (MOVED, affine(turn=1)),
    "rotated by 5 degrees": (MOVED, affine(turn=5)),
    "shifted by 25 and 8 pixels": (MOVED, affine(shift=(25, 8))),
    "mirrored": (MOVED, lambda x: levels(blurred(x[:, ::-1]))),
    "upside down": (MOVED, lambda x: levels(blurred(x[::-1]))),
    "turned by 180 degrees": (MOVED, lambda x: levels(blurred(x[::-1, ::-1]))),
    "turned by 90 degrees": (MOVED, lambda x: levels(blurred(np.rot90(x)))),
}


def noises() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return ways to add noise to an image."""
    rng = np.random.default_rng(7)

    def correlated(sigma):
        def add(y):
            noise = ndimage.gaussian_filter(rng.normal(size=y.shape), sigma)
            return y + 3 * noise / noise.std()

        return add

    def photons(y):
        dark = max(0.0, -float(y.min()))
        return rng.poisson(y + dark) - dark

    return {
        "white noise of 0.6": lambda y: y + rng.normal(0, 0.6, y.shape),
        "white noise of 2": lambda y: y + rng.normal(0, 2, y.shape),
        "white noise of 10": lambda y: y + rng.normal(0, 10, y.shape),
        "photon noise": photons,
        "noise blurred by sigma 1": correlated(1),
        "noise blurred by sigma 3": correlated(3),
        "uniform noise": lambda y: y + rng.uniform(-4, 4, y.shape),
    }


def linear(x: np.ndarray) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """Return pairs that kernels and noise explain, by what was done."""
    filters = ("BLUR", "CONTOUR", "DETAIL", "EDGE_ENHANCE", "EDGE_ENHANCE_MORE", "EMBOSS",
               "FIND_EDGES", "SHARPEN", "SMOOTH", "SMOOTH_MORE")  # fmt: skip
    pairs = {"ten filters of Pillow": [(x, by_pillow(getattr(ImageFilter, f))(x)) for f in filters]}
    blurs = (ImageFilter.GaussianBlur(1.5), ImageFilter.GaussianBlur(3), ImageFilter.BoxBlur(2))
    pairs["blurs of Pillow, rounded in between"] = [(x, by_pillow(blur)(x)) for blur in blurs]
    low = np.random.default_rng(4).integers(0, 256, x.shape)
    fine = (256 * x.astype(int) + low).astype(np.uint16)
    sharp = ndimage.correlate(x.astype(float), SHARPER, mode="nearest")
    wide = ndimage.gaussian_filter(x.astype(float), 2)
    for name, noise in noises().items():
        pairs[f"{name}, 8 bits"] = [(x, levels(noise(y))) for y in (sharp, wide)]
        sixteen = np.clip(np.rint(256 * noise(blurred(fine / 256))), 0, 65535).astype(np.uint16)
        pairs[f"{name}, 16 bits"] = [(fine, sixteen)]
        pairs[f"{name}, floating"] = [(x, noise(blurred(x))), (x, noise(sharp).astype(np.float32))]
    narrow = (ImageFilter.GaussianBlur(r) for r in (0.3, 0.5, 0.7, 1))
    pairs["narrow blurs of Pillow"] = [(x, by_pillow(blur)(x)) for blur in narrow]
    masks = (ImageFilter.UnsharpMask(*each, 0) for each in ((0.5, 200), (1, 60), (2, 150), (5, 80)))
    pairs["sharpening of Pillow"] = [(x, by_pillow(mask)(x)) for mask in masks]
    bright = int(np.quantile(blurred(x), 0.85))
    pairs["clipped at its brightest 15 %"] = [(x, np.minimum(levels(blurred(x)), bright))]
    pairs["cut off instead of rounded"] = [(x, np.floor(blurred(x)).astype(np.uint8))]
    pairs["rounded to 8 bits from 16"] = [(fine, levels(blurred(fine / 257)))]
    return pairs


def study(name: str) -> dict[str, dict[str, list[int]]]:
    """Return counts (pairs, said to be misfits, of the right kind) of programs and of kernels."""
    programs: dict[str, list[int]] = {}
    kernels: dict[str, list[int]] = {}
    x = picture(name)
    made = {what: (kinds, make(x)) for what, (kinds, make) in MISFITS.items()}
    others = (*TUNED, *HELD_OUT)
    made["another picture"] = ({"unrelated"}, picture(others[others.index(name) - 1]))
    for what, (kinds, after) in made.items():
        if after.shape != x.shape:
            continue
        fit = learn(x, after, threads=1)
        if fit.status.code != "misfit" and fit.residual_rms <= 1.35 * fit.residual_floor:
            continue  # on this picture it did nothing that rounding would not
        kind = fit.status.kind
        programs[what] = [1, int(bool(kind)), int(kind in kinds)]
        if kind not in kinds:
            print(f"{name}, {what}: {kind or 'not noticed'}", file=sys.stderr)
    for what, pairs in linear(x).items():
        kinds = [learn(before, after, threads=1).status.kind for before, after in pairs]
        kernels[what] = [len(kinds), sum(map(bool, kinds)), 0]
        if any(kinds):
            print(f"{name}, {what}: false alarm: {kinds}", file=sys.stderr)
    return {"programs": programs, "kernels": kernels}


def table(found: dict[str, dict[str, dict[str, list[int]]]]) -> None:
    """Print the page."""
    halves = [[found[name] for name in half if name in found] for half in (TUNED, HELD_OUT)]
    print("# Is it a kernel at all?\n")
    print(f"Made by `python -m benchmarks.misfits`, which says how: {len(halves[0])} pictures on "
          f"which the thresholds were\nchosen, and {len(halves[1])} others, held out. A program "
          "that did nothing to a picture that rounding would\nnot is not counted.\n")  # fmt: skip
    print("| no kernel | noticed, chosen on | noticed, held out | kind is right, held out |")
    print("|---|---|---|---|")
    for what in [*MISFITS, "another picture", "**all**"]:
        first, second = (_sum(half, "programs", what) for half in halves)
        print(f"| {what} | {_of(first, 1)} | {_of(second, 1)} | {_of(second, 2)} |")
    print("\n| a kernel, with | false alarms, chosen on | false alarms, held out |")
    print("|---|---|---|")
    for what in [*halves[0][0]["kernels"], "**all**"]:
        first, second = (_sum(half, "kernels", what) for half in halves)
        print(f"| {what} | {_of(first, 1)} | {_of(second, 1)} |")


def _sum(half: list[dict[str, dict[str, list[int]]]], which: str, what: str) -> list[int]:
    rows = [row for one in half for name, row in one[which].items() if what in (name, "**all**")]
    return [sum(column) for column in zip(*rows, strict=True)] or [0, 0, 0]


def _of(counts: list[int], which: int) -> str:
    text = f"{counts[which]} of {counts[0]}"
    return f"{text} ({counts[which] / counts[0]:.1%})" if counts[0] > 100 else text


def main(names: list[str]) -> None:
    warnings.simplefilter("ignore")
    RAW.parent.mkdir(exist_ok=True)
    done = [json.loads(line) for line in RAW.read_text().splitlines()] if RAW.exists() else []
    found = {one["name"]: one for one in done}
    for name in names or (*TUNED, *HELD_OUT):
        if name not in found:
            found[name] = {"name": name, **study(name)}
            with RAW.open("a") as file:
                file.write(json.dumps(found[name]) + "\n")
            print(f"{name} done", file=sys.stderr, flush=True)
    if not names:
        table(found)


if __name__ == "__main__":
    main(sys.argv[1].removeprefix("--photos=").split(",") if len(sys.argv) > 1 else [])

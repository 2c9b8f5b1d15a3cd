"""Do 95 % intervals hold the truth 95 % of the time?  ``python -m benchmarks.calibration``.

Random crops of a photograph go through a known kernel and through each kind of damage; `learn`
answers for each crop, and the share of its intervals that hold the truth is counted. Where the
damage itself shifts least squares (JPEG, rounding, clipping), the truth is what an unlimited
amount of such data gives: the answer of all crops' statistics together.

The photograph is one of gravel, alike all over: JPEG acts as another filter where the content is
another, so a crop of a portrait cannot know the answer of the whole portrait.
"""

from __future__ import annotations

import io
import sys

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from kernfit import Statistics, correlate2d, learn

KERNEL = np.array([[0.02, 0.11, 0.05], [0.13, 0.36, 0.09], [0.04, 0.12, 0.03]])
SIDE = 200


def white(clean, rng):
    return clean + rng.normal(0, 3, clean.shape)


def poisson(clean, rng):
    return rng.poisson(np.maximum(clean, 0) * 0.5) / 0.5


def blurred_noise(clean, rng):
    noise = gaussian_filter(rng.normal(0, 1, clean.shape), 1.0)
    return clean + 3 * noise / noise.std()


def jpeg(clean, rng):
    file = io.BytesIO()
    picture = Image.fromarray(np.clip(np.rint(clean), 0, 255).astype(np.uint8))
    picture.save(file, "JPEG", quality=75)
    return np.asarray(Image.open(file)).astype(np.int32)


def rounding(clean, rng):
    return np.rint(clean).astype(np.int32)


def clipped(clean, rng):
    level = np.rint(clean * 1.6 - 40 + rng.normal(0, 2, clean.shape))
    return np.clip(level, 0, 255).astype(np.uint8)


def masked(clean, rng):
    return clean + rng.normal(0, 3, clean.shape)


SCENARIOS = {
    "white noise": white,
    "Poisson noise": poisson,
    "noise blurred by sigma 1": blurred_noise,
    "JPEG at quality 75": jpeg,
    "rounding to 8 bits": rounding,
    "clipped highlights": clipped,
    "10 % masked": masked,
}
SHIFTED = {"JPEG at quality 75", "rounding to 8 bits", "clipped highlights"}


def coverage(name: str, photo: np.ndarray, pairs: int, seed: int = 0) -> tuple[float, float]:
    """Return the share of 95 % intervals that hold the truth, and the least over the taps."""
    rng = np.random.default_rng(seed)
    photo = photo.astype(float)
    fits, total = [], None
    for _ in range(pairs):
        top, left = (rng.integers(0, side - SIDE + 1) for side in photo.shape)
        x = photo[top : top + SIDE, left : left + SIDE]
        y = SCENARIOS[name](correlate2d(x, KERNEL), rng)
        mask = rng.random(y.shape) >= 0.1 if name == "10 % masked" else None
        fits.append(learn(x, y, mask=mask, whole_levels=False, threads=1))
        if name in SHIFTED:
            limits = np.iinfo(y.dtype)
            used = (y > limits.min) & (y < limits.max) if name == "clipped highlights" else None
            part = Statistics.of(x, y, 3, mask=used, threads=1)
            total = part if total is None else total + part
    truth = KERNEL if total is None else total.solve().weights[:-1, 0].reshape(3, 3)
    held = [(low <= truth) & (truth <= high) for low, high in (fit.interval() for fit in fits)]
    share = np.mean(held, axis=0)
    return float(share.mean()), float(share.min())


def main(pairs: int) -> None:
    from skimage.data import gravel

    photo = gravel()
    print("# Calibration\n")
    print("Made by `python -m benchmarks.calibration`, which says how.\n")
    print(f"| {pairs} pairs each | 95 % intervals that hold the truth | of the worst tap |")
    print("|---|---|---|")
    for name in SCENARIOS:
        mean, least = coverage(name, photo, pairs)
        print(f"| {name} | {mean:.1%} | {least:.1%} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)

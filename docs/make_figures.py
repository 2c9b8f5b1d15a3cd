"""Draw the pictures of the documentation: ``python docs/make_figures.py``.

The picture of the report is taken by Chromium; without it the old one stays.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageFilter

from kernfit import (
    LayerSpec,
    catalogue,
    correlate2d,
    feature_maps,
    learn,
    learn_varying,
    plot_maps,
    receptive_field,
    scene,
    star_field,
)
from kernfit.plots import SIGNED, plot_taps

HERE = Path(__file__).parent / "images"


def learn_figure() -> Figure:
    """Before, after, the kernel found, the residual."""
    before = scene()
    after = np.asarray(Image.fromarray(before).filter(ImageFilter.SHARPEN))
    fit = learn(before, after)
    residual = after[1:-1, 1:-1] - correlate2d(before.astype(float), fit.kernel)
    residual[(after[1:-1, 1:-1] == 0) | (after[1:-1, 1:-1] == 255)] = np.nan  # clipped

    figure = Figure(figsize=(13, 3.4), layout="constrained")
    axes = figure.subplots(1, 4, width_ratios=(1, 1, 1.15, 1.2))
    for axis, image, title in ((axes[0], before, "before"), (axes[1], after, "after")):
        axis.imshow(image[100:300, 150:370], cmap="gray", vmin=0, vmax=255)
        axis.set_title(title)
        axis.set_axis_off()
    plot_taps(fit.kernel.taps, fit.stderr, ax=axes[2], title="learnt kernel")
    shown = axes[3].imshow(residual[100:300, 150:370], cmap=SIGNED, vmin=-1, vmax=1)
    axes[3].set_title(f"residual: {fit.residual_rms:.3f} grey levels (rounding)")
    axes[3].set_axis_off()
    figure.colorbar(shown, ax=axes[3])
    return figure


def two_nights() -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Two images of one sky: a sharp one, and one blurred more to the right, with a new star."""
    before = star_field((400, 400), seed=3)
    place = np.linspace(0, 1, 400)
    blurs = [catalogue["gaussian_3"].taps, np.ones((5, 5)) / 25]
    soft, softer = (
        correlate2d(before, taps / taps.sum(), mode="same", boundary="edge") for taps in blurs
    )
    after = soft + place * (softer - soft) + 15 * place[:, np.newaxis]
    new = (212, 268)
    after[new[0] - 1 : new[0] + 2, new[1] - 1 : new[1] + 2] += 60 * np.outer([1, 2, 1], [1, 2, 1])
    return before, np.random.default_rng(4).poisson(after).astype(float), new


def sky_figure() -> Figure:
    """Two nights, and what is left with one kernel and with one that varies."""
    before, after, new = two_nights()
    shown = slice(130, 290), slice(180, 380)
    figure = Figure(figsize=(13, 3.2), layout="constrained")
    axes = figure.subplots(1, 4)
    differences = {
        f"less {words}": learn_varying(
            before, after, shape=5, degree=degree, background=1, robust=True
        ).difference(before, after)
        for words, degree in (("one kernel", 0), ("a kernel that varies", 1))
    }
    images = {"one night": before, "another night": after} | differences
    for axis, (title, image) in zip(axes, images.items(), strict=True):
        sky = "less" not in title
        limits = (180, 500) if sky else (-120, 120)
        axis.imshow(image[shown], cmap="gray", vmin=limits[0], vmax=limits[1])
        axis.set_title(title)
        axis.set_axis_off()
        if not sky:
            centre = new[1] - shown[1].start, new[0] - shown[0].start
            axis.scatter(*centre, s=260, facecolors="none", edgecolors="tab:orange", linewidths=1.5)
    return figure


def tutorial_learn_figure() -> Figure:
    """Draw a kernel with its errors, and frequency responses with their bands."""
    before = scene((240, 320))
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
    after = np.asarray(Image.fromarray(before).filter(ImageFilter.SHARPEN))
    sharpened = learn(before, after)
    sharpened.plot(ax=left).set_title("learnt from two pictures")
    noise = np.random.default_rng(1).normal(0, 8, before[2:-2, 2:-2].shape)
    clean = correlate2d(before.astype(float), catalogue["pillow_blur"].taps / 16)
    sharpened.frequency_response(normalise=True).plot(ax=right, label="SHARPEN")
    noisy = learn(before, clean + noise)
    noisy.frequency_response(normalise=True).plot(
        ax=right, label="BLUR, learnt from a noisy picture", dashed=True
    )
    right.set_title("frequency response, with its band of 95 %")
    return figure


def tutorial_apply_figure() -> Figure:
    """Draw a scene, where it changes, and two kernels."""
    photo = scene((120, 160)).astype(float)
    across, down = (
        correlate2d(photo, catalogue[name], mode="same", boundary="edge")
        for name in ("sobel_x", "sobel_y")
    )
    figure = Figure(figsize=(12, 2.6), layout="constrained")
    axes = figure.subplots(1, 4, width_ratios=(1, 1, 1, 1))
    axes[0].imshow(photo, cmap="gray", vmin=0, vmax=255)
    axes[0].set_title("the scene")
    axes[1].imshow(np.hypot(across, down), cmap="gray")
    axes[1].set_title("how much it changes")
    for ax in axes[:2]:
        ax.set_axis_off()
    catalogue["sobel_x"].plot(ax=axes[2])
    catalogue["gaussian_5"].plot(ax=axes[3])
    return figure


def tutorial_see_figure() -> Figure:
    """Draw four feature maps, and what one element of a third layer sees."""
    photo = scene((120, 160))
    names = ["sobel_x", "sobel_y", "laplacian", "gaussian_5"]
    figure = Figure(figsize=(9.5, 3.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.5, 1))
    plot_maps(
        feature_maps([catalogue[name] for name in names], photo), names, columns=2, figure=left
    )
    layers = [LayerSpec(3, stride=2, padding=1)] * 2 + [LayerSpec(3, padding=1)]
    receptive_field(layers).plot(photo, element=(20, 10), ax=right.subplots())
    return figure


def report_picture() -> Image.Image | None:
    """Show the upper part of a report as Chromium does."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        return None
    before = scene((240, 320))
    after = np.asarray(Image.fromarray(before).filter(ImageFilter.SHARPEN))
    with tempfile.TemporaryDirectory() as folder:
        page, shot = Path(folder) / "report.html", Path(folder) / "report.png"
        learn(before, after).report(page, before, after, title="What Pillow did")
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1100,1500"]
        subprocess.run([browser, *options, f"--screenshot={shot}", page.as_uri()], check=True)
        with Image.open(shot) as image:
            return image.convert("RGB").resize((880, 1200), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    learn_figure().savefig(HERE / "learn.png", dpi=80)
    tutorial_learn_figure().savefig(HERE / "tutorial-learn.png", dpi=80)
    sky_figure().savefig(HERE / "sky.png", dpi=80)
    tutorial_apply_figure().savefig(HERE / "tutorial-apply.png", dpi=80)
    tutorial_see_figure().savefig(HERE / "tutorial-see.png", dpi=80)
    picture = report_picture()
    if picture is not None:
        picture.quantize(200).save(HERE / "report.png", optimize=True)

"""Draw the pictures of the documentation: ``python docs/make_figures.py``."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageFilter

from kernfit import correlate2d, learn, scene
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


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    learn_figure().savefig(HERE / "learn.png", dpi=80)

"""
Is it a blur, or a median?
==========================

Both smooth the picture. A blur is a weighted sum; a median sorts, and no table of weights does
that. R² hardly tells them apart, the structure of the residual does.
"""

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageFilter

import kernfit

before = kernfit.scene((240, 320))
made = {
    "box blur": ImageFilter.BoxBlur(1),
    "median": ImageFilter.MedianFilter(3),
}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for axis, (name, filter_) in zip(axes, made.items(), strict=True):
    after = np.asarray(Image.fromarray(before).filter(filter_))
    fit = kernfit.learn(before, after, shape=3)
    print(f"{name}: R² {fit.r2:.4f}. {fit.status}")
    left = after[1:-1, 1:-1] - fit.predict(before.astype(float))
    shown = axis.imshow(left, cmap="PuOr", vmin=-8, vmax=8)
    axis.set_title(f"{name}: what is left, {fit.residual_rms:.2f} grey levels")
    axis.set_axis_off()
figure.colorbar(shown, ax=axes)

"""
Correlation or convolution?
===========================

Convolution flips the kernel first. With a kernel that is learnt it makes no difference to the
result: the learnt kernel comes out flipped accordingly.
"""

import matplotlib.pyplot as plt
import numpy as np

import kernfit

scene = kernfit.scene((120, 160)).astype(float)
drop = np.array([[0, 0, 1], [0, 1, 2], [1, 2, 3]]) / 10
made_by = {
    "made by correlation": kernfit.correlate2d(scene, drop),
    "made by convolution": kernfit.convolve2d(scene, drop),
}
figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), layout="constrained")
axes[0].imshow(drop, cmap="Purples")
axes[0].set_title("the kernel")
for axis, (title, result) in zip(axes[1:], made_by.items(), strict=True):
    fit = kernfit.learn(scene, result, shape=3)
    axis.imshow(fit.kernel.taps, cmap="Purples")
    axis.set_title(f"learnt, {title}")

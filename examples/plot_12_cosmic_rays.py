"""
Cosmic rays
===========

A few wild pixels can spoil least squares. ``robust=True`` leaves out what lies farther than five
standard deviations from what the kernel predicts, over and over until nothing is left to leave
out.
"""

import matplotlib.pyplot as plt
import numpy as np

import kernfit

rng = np.random.default_rng(2)
scene = kernfit.scene((200, 260)).astype(float)
kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
clean = kernfit.correlate2d(scene, kernel, mode="same", boundary="edge")
after = clean + rng.normal(0, 1, scene.shape)
hits = rng.random(scene.shape) < 0.002
after[hits] += rng.uniform(100, 3000, np.count_nonzero(hits))

figure, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
axes[0].imshow(after, cmap="gray", vmin=0, vmax=255)
axes[0].set_title(f"{np.count_nonzero(hits)} hits")
axes[0].set_axis_off()
for axis, robust in zip(axes[1:], (False, True), strict=True):
    fit = kernfit.learn(scene, after, shape=3, robust=robust)
    axis.imshow(fit.kernel.taps - kernel, cmap="PuOr", vmin=-0.05, vmax=0.05)
    axis.set_title(f"error of taps, robust={robust}")
    print(f"robust={robust}: largest error {np.abs(fit.kernel.taps - kernel).max():.5f}")

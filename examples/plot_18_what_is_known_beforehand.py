"""
What is known beforehand
========================

A blur has no negative weights and keeps the light. Telling so makes a noisy answer better, and
the errors are those of the constrained answer.
"""

import matplotlib.pyplot as plt
import numpy as np

import kernfit

rng = np.random.default_rng(3)
scene = kernfit.scene((64, 64)).astype(float)
x = np.arange(-3, 4)
kernel = np.exp(-(x**2) / 2.5)
kernel = np.outer(kernel, kernel) / kernel.sum() ** 2
after = kernfit.correlate2d(scene, kernel) + rng.normal(0, 6, (58, 58))
cases = {
    "nothing": (),
    "non-negative, sum 1": ("non-negative", "sum-to-one"),
    "isotropic too": ("non-negative", "sum-to-one", "isotropic"),
}
figure, axes = plt.subplots(1, 3, figsize=(10, 3.3), layout="constrained")
for axis, (title, constraints) in zip(axes, cases.items(), strict=True):
    fit = kernfit.learn(scene, after, shape=7, constraints=constraints)
    error = np.abs(fit.kernel.taps - kernel).max()
    axis.imshow(fit.kernel.taps, cmap="PuOr", vmin=-0.15, vmax=0.15)
    axis.set_title(f"{title}: off by {error:.3f}")

"""
Match two exposures of the sky
==============================

The second night was hazier, more so to the right, and brighter at the bottom. A kernel that
varies over the field makes the first night look like the second; what remains is new.
"""

import matplotlib.pyplot as plt
import numpy as np

import kernfit

first = kernfit.star_field((300, 300), seed=3)
place = np.linspace(0, 1, 300)
soft = kernfit.correlate2d(first, np.ones((5, 5)) / 25, mode="same", boundary="edge")
second = first + place * (soft - first) + 15 * place[:, np.newaxis]
second[140:143, 200:203] += 60 * np.outer([1, 2, 1], [1, 2, 1])
second = np.random.default_rng(4).poisson(second).astype(float)

fit = kernfit.learn_varying(first, second, shape=5, degree=1, background=1, robust=True)
difference = fit.difference(first, second)

figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
for axis, image, title, high in (
    (axes[0], first, "first night", 500),
    (axes[1], second, "second night", 500),
    (axes[2], difference, "difference: one new star", 120),
):
    axis.imshow(image, cmap="gray", vmin=-120 if high == 120 else 180, vmax=high)
    axis.set_title(title)
    axis.set_axis_off()

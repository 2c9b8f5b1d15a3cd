"""
In linear light?
================

Some programs blur the light behind the levels, not the levels. On the levels that is no kernel at
all; on the light it is exact.
"""

import matplotlib.pyplot as plt
import numpy as np

import kernfit


def light(levels):
    """Return the light behind sRGB levels from 0 to 1."""
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def levels(light):
    """Return the sRGB levels of light."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


scene = kernfit.scene((240, 320))
blur = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
soft = levels(kernfit.correlate2d(light(scene / 255), blur, mode="same", boundary="edge"))
after = np.rint(soft * 255).astype(np.uint8)

plain = kernfit.learn(scene, after, shape=5)
linear = kernfit.learn(scene, after, shape=5, transfer="srgb")
for name, fit in (("levels", plain), ("light", linear)):
    print(f"{name}: error of taps {np.abs(fit.kernel.taps - blur).max():.4f}. {fit.status}")

figure, axis = plt.subplots(figsize=(6, 5), layout="constrained")
linear.plot(ax=axis)

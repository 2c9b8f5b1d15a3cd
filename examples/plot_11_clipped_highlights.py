"""
Clipped highlights
==================

Where the after image is at 255, it does not say what the program computed. Least squares that
ignores this is wrong; kernfit leaves such pixels out and counts them.
"""

import matplotlib.pyplot as plt
import numpy as np

import kernfit

scene = kernfit.scene((240, 320))
kernel = np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
sharp = kernfit.correlate2d(scene.astype(float), kernel, mode="same", boundary="edge")
after = np.clip(np.rint(sharp * 1.2), 0, 255).astype(np.uint8)

fit = kernfit.learn(scene, after, shape=3)
print("clipped pixels left out:", fit.left_out["clipped"])
print(fit.kernel.taps.round(4))

# %%
# The same numbers as floats, told that nothing is clipped:

blind = kernfit.learn(scene, after.astype(float), shape=3, clip=(-np.inf, np.inf))
print(blind.kernel.taps.round(4))

figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
fit.plot(ax=axes[0]).set_title("clipped pixels left out")
blind.plot(ax=axes[1]).set_title("clipped pixels believed")

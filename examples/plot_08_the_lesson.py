"""
The lesson: learning ``[1, -1]`` from one picture
=================================================

A picture of ones with a band of zeros, and where it changes. Gradient descent on the squared
error finds the kernel that made one from the other. All steps run on sums, never on the picture
again.
"""

import matplotlib.pyplot as plt
import numpy as np

import kernfit

x = np.ones((6, 8))
x[:, 2:6] = 0
y = kernfit.corr2d(x, [[1, -1]])
fit = kernfit.learn(x, y, bias=False, shape=(1, 2), descent=0.03, steps=10, start=[[0, 0]])
print(fit.kernel.taps.round(3))

figure, axes = plt.subplots(1, 3, figsize=(11, 2.6), layout="constrained")
axes[0].imshow(x, cmap="gray")
axes[0].set_title("X")
axes[1].imshow(y, cmap="PuOr")
axes[1].set_title("Y")
axes[2].semilogy(fit.history.losses, "o-")
axes[2].set_title("summed squared error, step by step")

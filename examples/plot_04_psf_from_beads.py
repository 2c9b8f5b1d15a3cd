"""
A point spread function from beads
==================================

A microscope looks at beads whose places are known. The pair (beads, image) gives the PSF, with an
error for each tap; a single bead would be much noisier.
"""

import matplotlib.pyplot as plt
import numpy as np

import kernfit

rng = np.random.default_rng(1)
beads = np.zeros((256, 256))
beads[rng.integers(12, 244, 80), rng.integers(12, 244, 80)] = 2000
rows, columns = np.indices((9, 9)) - 4
psf = np.exp(-(rows**2) / 4 - columns**2 / 7)
psf /= psf.sum()
image = rng.poisson(kernfit.correlate2d(beads, psf, mode="same") + 20)

fit = kernfit.learn(beads, image, shape=9)
print("background", fit.kernel.bias.round(2), "+-", fit.bias_stderr.round(2))
print("rms width in pixels (rows, columns)", np.round(fit.moments.width, 3))
print("of the true PSF", np.round(np.sqrt([2, 3.5]), 3))

figure, axes = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
axes[0].imshow(image, cmap="gray")
axes[0].set_title("80 beads, photon noise")
axes[1].imshow(psf, cmap="magma")
axes[1].set_title("true PSF")
axes[2].imshow(fit.kernel.taps, cmap="magma")
axes[2].set_title("learnt PSF")
for axis in axes:
    axis.set_axis_off()

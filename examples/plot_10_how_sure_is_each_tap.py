"""
How sure is each tap?
=====================

The same blur learnt from 200 noisy pictures: in about 95 of 100 cases the stated interval holds
the truth.
"""

import matplotlib.pyplot as plt
import numpy as np

import kernfit

rng = np.random.default_rng(0)
scene = kernfit.scene((80, 100)).astype(float)
kernel = np.outer([1, 2, 1], [1, 3, 1]) / 20
clean = kernfit.correlate2d(scene, kernel)
middle, errors = [], []
for _ in range(200):
    fit = kernfit.learn(scene, clean + rng.normal(0, 4, clean.shape), shape=3, threads=1)
    low, high = fit.interval(0.95)
    middle.append(fit.kernel.taps[1, 1])
    errors.append((low[1, 1], high[1, 1]))
low, high = np.transpose(errors)
held = (low <= kernel[1, 1]) & (kernel[1, 1] <= high)
print(f"{held.sum()} of {held.size} intervals hold the true tap")

figure, axis = plt.subplots(figsize=(10, 3), layout="constrained")
axis.vlines(np.arange(200), low, high, colors=np.where(held, "tab:blue", "tab:red"))
axis.axhline(kernel[1, 1], color="black", lw=0.8)
axis.set_xlabel("picture")
axis.set_ylabel("tap in the middle")

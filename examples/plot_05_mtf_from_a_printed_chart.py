"""
The MTF of a lens from a printed chart
======================================

How much contrast of fine stripes does a lens let through? With a chart whose pattern is known,
the kernel between pattern and photograph has the answer at every frequency, with a band of
uncertainty.
"""

import matplotlib.pyplot as plt
import numpy as np

import kernfit

rng = np.random.default_rng(0)
chart = np.kron(rng.integers(0, 2, (60, 80)), np.ones((4, 4))) * 160 + 40
x = np.arange(-4, 5)
lens = np.exp(-(x**2) / (2 * 1.1**2))
lens = np.outer(lens, lens) / lens.sum() ** 2
photograph = kernfit.correlate2d(chart, lens) + rng.normal(0, 2, (232, 312))

fit = kernfit.learn(chart, photograph)
response = fit.frequency_response(normalise=True)
print("MTF50 in cycles per pixel:", response.falls_to(0.5))
print("of the true Gaussian:", round(float(np.sqrt(np.log(2) / 2) / (np.pi * 1.1)), 4))
figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
response.plot(ax=axis, label="learnt, with its 95 % band")

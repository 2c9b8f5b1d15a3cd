"""
What a picture cannot tell
==========================

A picture of stripes is the same in every row, so nothing in it tells the rows of a kernel apart.
The null space is drawn: combinations of taps that change nothing.
"""

import numpy as np

import kernfit

stripes = np.tile(kernfit.scene((1, 200)), (80, 1))
blurred = kernfit.correlate2d(stripes, np.ones((3, 3)) / 9)
fit = kernfit.learn(stripes, blurred)
print(fit.status)
fit.plot_undetermined()

# %%
# One more picture, with detail in the other direction, and all is known.

scene = kernfit.scene((80, 200))
both = kernfit.learn(
    [stripes, scene], [blurred, kernfit.correlate2d(scene, np.ones((3, 3)) / 9)], shape=3
)
print(both.status)

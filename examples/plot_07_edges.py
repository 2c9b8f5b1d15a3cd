"""
Where does the picture change?
==============================

The Sobel kernels answer along rows and columns; strength and direction follow from the two.
"""

import matplotlib.pyplot as plt
import numpy as np

import kernfit

photo = kernfit.scene((240, 320)).astype(float)
across, down = (
    kernfit.correlate2d(photo, kernfit.catalogue[name], mode="same", boundary="edge")
    for name in ("sobel_x", "sobel_y")
)
figure, axes = plt.subplots(1, 3, figsize=(11, 3), layout="constrained")
for axis, image, title, colours in (
    (axes[0], photo, "photo", "gray"),
    (axes[1], across, "sobel_x: signed", "PuOr"),
    (axes[2], np.hypot(across, down), "strength", "gray"),
):
    axis.imshow(image, cmap=colours)
    axis.set_title(title)
    axis.set_axis_off()

"""
How much must tiles overlap?
============================

With the proven halo, tiles put together equal the whole image's result. With a guess that is too
small there are seams.
"""

import matplotlib.pyplot as plt
import numpy as np

import kernfit

photo = kernfit.scene((128, 192)).astype(float)
stack = [[kernfit.catalogue["gaussian_5"]], [kernfit.catalogue["laplacian"]]]
whole = kernfit.feature_maps(stack, photo)
tiled = kernfit.run_tiled(stack, photo, tile=32)
print("proven halo, largest difference:", np.abs(tiled - whole).max())

guess = np.zeros_like(whole)
for top in range(0, 128, 32):
    for left in range(0, 192, 32):
        part = photo[top : top + 32, left : left + 32]  # no halo at all
        guess[:, top : top + 32, left : left + 32] = kernfit.feature_maps(stack, part)

figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
for axis, image, title in ((axes[0], tiled, "proven halo"), (axes[1], guess, "no halo: seams")):
    axis.imshow(np.abs(image - whole)[0], cmap="magma", vmin=0, vmax=20)
    axis.set_title(title)
    axis.set_axis_off()

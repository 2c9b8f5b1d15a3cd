"""
Larger than memory, with Dask
=============================

Chunks borrow the few pixels that the kernel reaches from their neighbours, so the result is that
of the whole image whatever the chunks are. Learning sums up chunk by chunk.
"""

import dask.array as da
import matplotlib.pyplot as plt
import numpy as np

import kernfit
import kernfit.scale

scene = kernfit.scene((400, 500)).astype(float)
lazy = da.from_array(scene, chunks=(128, 200))
kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16

blurred = kernfit.scale.correlate2d(lazy, kernel, mode="same")
print(blurred)
whole = kernfit.correlate2d(scene, kernel, mode="same")
print("largest difference to the whole:", np.abs(blurred.compute() - whole).max())

# %%
# And back again: the kernel from the two lazy arrays.

print(kernfit.scale.learn(lazy, blurred, shape=3).kernel)

# %%
# The chunks, drawn on the result: none of their rims can be seen in it.

figure, axis = plt.subplots(figsize=(6, 4.6), layout="constrained")
axis.imshow(blurred.compute(), cmap="gray")
for rim in np.cumsum(blurred.chunks[0])[:-1]:
    axis.axhline(rim - 0.5, lw=0.7, color="tab:orange")
for rim in np.cumsum(blurred.chunks[1])[:-1]:
    axis.axvline(rim - 0.5, lw=0.7, color="tab:orange")
axis.set_axis_off()

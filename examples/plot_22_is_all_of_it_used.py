"""
Is all of the receptive field used?
===================================

The window is what may matter. How much each pixel matters is another question: those in the
middle are reached by many paths, corners by one.
"""

import matplotlib.pyplot as plt

import kernfit

box = kernfit.catalogue["box_3"]
figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
for axis, depth in zip(axes, (2, 4, 8), strict=True):
    used = kernfit.effective_field([[box]] * depth, (31, 31))
    axis.imshow(used.strength, cmap="magma")
    axis.set_title(f"{depth} layers: window {used.field.size[0]}x{used.field.size[1]}")
    axis.set_axis_off()

"""
Copy a look to other pictures
=============================

A look is seldom one kernel: here colours are made warmer, then a curve fades them. ``learn_edit``
finds the stages from one pair; the edit is then done to a picture that it has not seen.
"""

import matplotlib.pyplot as plt
import numpy as np

import kernfit


def look(picture):
    """Do what the program did, which we pretend not to know."""
    levels = picture / 255.0 * np.array([1.0, 0.93, 0.82])[:, None, None]
    return np.rint(255 * (0.06 + 0.88 * levels**0.9)).astype(np.uint8)


scene = kernfit.scene((160, 480))
before = np.stack([scene[:, :160], scene[:, 160:320], scene[:, 320:]])
other = before[::-1, ::-1]

found = kernfit.learn_edit(before, look(before))
for sentence in found.sentences():
    print(sentence)

# %%
# The same look, on the other picture, beside what the program itself makes of it.

made = found.edit.apply(other)
print("largest difference:", np.abs(made.astype(int) - look(other)).max(), "levels")

figure, axes = plt.subplots(1, 4, figsize=(12, 3.2), layout="constrained")
for axis, image, title in (
    (axes[0], before, "before"),
    (axes[1], look(before), "after"),
    (axes[2], other, "another picture"),
    (axes[3], made, "with the look"),
):
    axis.imshow(np.moveaxis(image, 0, -1))
    axis.set_title(title)
    axis.set_axis_off()

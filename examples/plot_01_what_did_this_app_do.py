"""
What did this app do to my picture?
===================================

You have the picture before and after. Here Pillow plays the app, and we pretend not to know what
it did.
"""

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageFilter

import kernfit

before = kernfit.scene((240, 320))
after = np.asarray(Image.fromarray(before).filter(ImageFilter.SHARPEN))

fit = kernfit.learn(before, after)
for sentence in fit.sentences():
    print(sentence)

# %%
# The residual is what is left when the kernel is applied to the before image: here only rounding.

figure, axes = plt.subplots(1, 3, figsize=(11, 3), layout="constrained")
for axis, image, title in ((axes[0], before, "before"), (axes[1], after, "after")):
    axis.imshow(image, cmap="gray", vmin=0, vmax=255)
    axis.set_title(title)
    axis.set_axis_off()
fit.plot(ax=axes[2])

"""
What does a feature look at?
============================

Each layer's window, followed back to the picture: with strides it grows quickly.
"""

import matplotlib.pyplot as plt

from kernfit import LayerSpec, receptive_field, scene

layers = [LayerSpec(3, stride=2, padding=1)] * 3
figure, axes = plt.subplots(1, 3, figsize=(11, 3), layout="constrained")
for axis, depth in zip(axes, (1, 2, 3), strict=True):
    field = receptive_field(layers[:depth])
    print(field)
    step = 2**depth
    field.plot(scene((120, 160)), element=(60 // step, 80 // step), ax=axis)

"""
The same kernel in other programs
=================================

Every program has its own conventions: flipped or not, where the anchor sits, how it is divided.
``convert`` writes a kernel as another program takes it.
"""

import numpy as np

import kernfit

kernel = kernfit.Kernel(np.array([[1, 2, 0], [0, 4, 0], [0, 0, 1]]) / 8)
programs = "cv2.filter2D", "scipy.ndimage.convolve", "torch.nn.functional.conv2d"
for program in programs:
    print(f"--- {program}")
    print(kernfit.convert(kernel, program))

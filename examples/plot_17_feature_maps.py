"""
Feature maps
============

What a kernel finds, and where, is a picture itself.
"""

import matplotlib.pyplot as plt

import kernfit

names = ["sobel_x", "sobel_y", "laplacian", "gaussian_5"]
maps = kernfit.feature_maps([kernfit.catalogue[name] for name in names], kernfit.scene((120, 160)))
kernfit.plot_maps(maps, names, columns=4, figure=plt.figure(figsize=(11, 2.6)))

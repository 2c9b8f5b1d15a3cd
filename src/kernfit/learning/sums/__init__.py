"""Sums over a pair of images: all that it says about a kernel, without the images."""

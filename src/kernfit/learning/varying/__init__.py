"""Kernels that change over the image."""

"""Kernels as other programs take them: conventions, and layers of frameworks."""

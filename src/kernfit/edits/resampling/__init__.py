"""Pictures on another grid: interpolation kernels, weights along an axis, and taking samples."""

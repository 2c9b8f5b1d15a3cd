"""Reading and writing files: kernels and images."""

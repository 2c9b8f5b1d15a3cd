"""The kernel's shape, where it is not given."""

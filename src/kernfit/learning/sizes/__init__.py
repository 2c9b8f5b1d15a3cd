"""The kernel's size, where it is not given."""

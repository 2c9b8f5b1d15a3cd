"""Arrays of other libraries, on their own devices: PyTorch, CuPy, JAX and the array API."""

from kernfit.devices.arrays import (
    astype,
    dtype_of,
    from_host,
    is_elsewhere,
    namespace,
    to_host,
)
from kernfit.devices.sums import gathered, window_sums

__all__ = [
    "astype",
    "dtype_of",
    "from_host",
    "gathered",
    "is_elsewhere",
    "namespace",
    "to_host",
    "window_sums",
]

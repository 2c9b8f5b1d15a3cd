"""Arrays of other libraries, on their own devices: PyTorch, CuPy, JAX and the array API."""

from kernfit.devices.arrays import (
    astype,
    dtype_of,
    from_host,
    has_float64,
    is_elsewhere,
    namespace,
    to_host,
)
from kernfit.devices.compensated import SPLIT, Halves, halves, two_product, two_sum
from kernfit.devices.lags import lag_products, square, total, window
from kernfit.devices.sums import gathered, window_sums

__all__ = [
    "SPLIT",
    "Halves",
    "astype",
    "dtype_of",
    "from_host",
    "gathered",
    "halves",
    "has_float64",
    "is_elsewhere",
    "lag_products",
    "namespace",
    "square",
    "to_host",
    "total",
    "two_product",
    "two_sum",
    "window",
    "window_sums",
]

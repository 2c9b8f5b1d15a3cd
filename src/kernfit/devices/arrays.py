"""Whose array this is, and the little that has to cross from one device to another."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput

# NumPy's own arrays know the array API too; here they are at home.
_HOME = (np.ndarray, np.generic, list, tuple, int, float, complex)


def is_elsewhere(value: object) -> bool:
    """Say whether this is an array of another library that can be computed with where it lies.

    Nothing is imported to find out: who has such an array has imported its library.
    """
    if isinstance(value, _HOME):
        return False
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return True
    return hasattr(value, "__array_namespace__")


def namespace(array: Any) -> Any:
    """Return the functions of the array API for an array's library."""
    import array_api_compat

    return array_api_compat.array_namespace(array)


def dtype_of(array: Any) -> np.dtype[Any]:
    """Return NumPy's name for an array's dtype.

    Raises
    ------
    InvalidInput
        If NumPy has none, as for bfloat16.
    """
    name = str(array.dtype).rpartition(".")[2]
    try:
        return np.dtype(name)
    except TypeError:
        raise InvalidInput(
            f"image must have a dtype that NumPy knows, got {array.dtype}: convert it, for example "
            "to float32"
        ) from None


def astype(array: Any, dtype: np.dtype[Any]) -> Any:
    """Return an array in another dtype, on its device.

    Raises
    ------
    InvalidInput
        If its library or device has no such dtype.
    """
    if dtype_of(array) == dtype:
        return array
    xp = namespace(array)
    wanted = getattr(xp, dtype.name, None)
    try:
        if wanted is not None and _has(xp, dtype):
            return xp.astype(array, wanted, copy=False)
    except (TypeError, RuntimeError):  # as on devices without float64
        pass
    more = "set jax_enable_x64" if "jax" in xp.__name__ else "move it to the CPU"
    raise InvalidInput(f"{xp.__name__} must have {dtype} on this device, and has not: {more}")


def _has(xp: Any, dtype: np.dtype[Any]) -> bool:
    """Say whether a library has a dtype as it is set up now; JAX makes 32 bits of 64 by default."""
    if "jax" not in xp.__name__:
        return True
    import jax

    config: Any = jax.config
    wide = dtype.itemsize // (2 if dtype.kind == "c" else 1) == 8
    return bool(config.jax_enable_x64) or not wide


def has_float64(array: Any) -> bool:
    """Say whether an array's library and device know float64."""
    try:
        return dtype_of(astype(array[..., :1], np.dtype(np.float64))) == np.float64
    except InvalidInput:
        return False


def from_host(values: Array, like: Any) -> Any:
    """Return a NumPy array as one of the library of another, on its device."""
    import array_api_compat

    xp = namespace(like)
    if not _has(xp, values.dtype):
        raise InvalidInput(
            f"{xp.__name__} must have {values.dtype}, and has not: set jax_enable_x64"
        )
    kind = getattr(xp, values.dtype.name)
    # Strides of any sign are NumPy's alone.
    return xp.asarray(np.array(values, order="C"), dtype=kind, device=array_api_compat.device(like))


def to_host(array: Any) -> Array:
    """Return a small array of any library as NumPy's own."""
    if not is_elsewhere(array):
        return np.asarray(array)
    if hasattr(array, "detach"):  # PyTorch
        array = array.detach().cpu().resolve_conj()
    elif hasattr(array, "get"):  # CuPy
        array = array.get()
    try:
        return np.asarray(array)
    except (TypeError, ValueError):
        return np.from_dlpack(array)

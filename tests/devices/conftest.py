"""The libraries whose arrays are tried, and how they are compared with NumPy's."""

import numpy as np
import pytest

LIBRARIES = ["array_api_strict", "torch", "jax.numpy", "cupy"]


@pytest.fixture(params=LIBRARIES)
def xp(request):
    """Each library that is installed; JAX with the 64 bits that NumPy has."""
    module = pytest.importorskip(request.param)
    if request.param == "jax.numpy":
        import jax

        before = jax.config.jax_enable_x64
        jax.config.update("jax_enable_x64", True)
        yield module
        jax.config.update("jax_enable_x64", before)
        return
    yield module


@pytest.fixture
def moved(xp):
    """A function that brings an array of NumPy's to the library."""

    def move(array):
        array = np.array(array, order="C")
        return xp.asarray(array, dtype=getattr(xp, array.dtype.name))

    return move

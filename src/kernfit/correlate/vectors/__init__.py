"""Vector code, emitted through Numba: what all methods are made of."""

"""Lag products: one image times another that is shifted, for every shift up to some taps."""

"""Pixels that no kernel explains: wild ones, saturated ones."""

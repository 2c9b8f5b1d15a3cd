"""Pairs of images as they really are."""

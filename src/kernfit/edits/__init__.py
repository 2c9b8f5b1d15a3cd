"""Edits: what a program did to a picture, as a chain of simple stages."""

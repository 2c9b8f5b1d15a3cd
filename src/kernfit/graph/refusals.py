"""Refusals that others act upon: told apart by their kind, never by their words."""

from __future__ import annotations

from kernfit.errors import InvalidInput


class UnfitSize(InvalidInput):
    """The model does not take an image of this size; another one may fit."""


class NeedsWhole(InvalidInput):
    """Tiles cannot give what the whole image gives, whatever their size."""


class UnknownOperation(InvalidInput):
    """It is not known what an operation looks at."""

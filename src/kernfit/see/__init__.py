"""See: what part of the image does a feature look at."""

from kernfit.see.field import ReceptiveField
from kernfit.see.graph import LayerGraph, LayerSpec
from kernfit.see.receptive_field import receptive_field, receptive_fields
from kernfit.see.tile_plan import TilePlan, tile_plan

__all__ = [
    "LayerGraph",
    "LayerSpec",
    "ReceptiveField",
    "TilePlan",
    "receptive_field",
    "receptive_fields",
    "tile_plan",
]

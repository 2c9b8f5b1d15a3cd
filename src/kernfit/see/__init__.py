"""See: what part of the image does a feature look at."""

from kernfit.graph.field import ReceptiveField
from kernfit.graph.graph import LayerGraph, LayerSpec
from kernfit.see.effective import EffectiveField, effective_field
from kernfit.see.maps import feature_maps
from kernfit.see.measuring import Verification, verify
from kernfit.see.pictures import plot_maps
from kernfit.see.planning import TilePlan, tile_plan
from kernfit.see.tiled import run_tiled, tiling_error
from kernfit.see.windows import receptive_field, receptive_fields

__all__ = [
    "EffectiveField",
    "LayerGraph",
    "LayerSpec",
    "ReceptiveField",
    "TilePlan",
    "Verification",
    "effective_field",
    "feature_maps",
    "plot_maps",
    "receptive_field",
    "receptive_fields",
    "run_tiled",
    "tile_plan",
    "tiling_error",
    "verify",
]

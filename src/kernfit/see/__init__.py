"""See: what part of the image does a feature look at."""

from kernfit.see.feature_maps import feature_maps
from kernfit.see.field import ReceptiveField
from kernfit.see.graph import LayerGraph, LayerSpec
from kernfit.see.pictures import plot_maps, plot_window
from kernfit.see.receptive_field import receptive_field, receptive_fields
from kernfit.see.tile_plan import TilePlan, tile_plan
from kernfit.see.tiled import run_tiled
from kernfit.see.verify import Verification, verify

__all__ = [
    "LayerGraph",
    "LayerSpec",
    "ReceptiveField",
    "TilePlan",
    "Verification",
    "feature_maps",
    "plot_maps",
    "plot_window",
    "receptive_field",
    "receptive_fields",
    "run_tiled",
    "tile_plan",
    "verify",
]

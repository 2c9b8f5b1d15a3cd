from .effective import EffectiveField, effective_field
from .field import ReceptiveField
from .graph import LayerGraph, LayerSpec
from .maps import feature_maps
from .measuring import Verification, verify
from .pictures import plot_maps
from .planning import TilePlan, tile_plan
from .tiled import run_tiled
from .windows import receptive_field, receptive_fields

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
    "verify",
]

"""See: what part of the image does a feature look at."""

from kernfit.see.graph import LayerSpec
from kernfit.see.receptive_field import ReceptiveField, receptive_field

__all__ = ["LayerSpec", "ReceptiveField", "receptive_field"]

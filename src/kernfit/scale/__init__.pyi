from .lazy import correlate2d, feature_maps, run_tiled
from .lazy_learning import learn, statistics

__all__ = ["correlate2d", "feature_maps", "learn", "run_tiled", "statistics"]

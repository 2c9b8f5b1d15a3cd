from .correlate import conv2d, convolve2d, corr2d, correlate2d, make_plan
from .errors import InvalidInput, KernfitError, RefusedFile, ResultTooLarge
from .kernel import Kernel
from .learning import Fit, Statistics, learn
from .lesson import scene
from .named_kernels import catalogue
from .see import LayerGraph, LayerSpec, ReceptiveField, receptive_field, receptive_fields

__version__: str

__all__ = [
    "Fit",
    "InvalidInput",
    "Kernel",
    "KernfitError",
    "LayerGraph",
    "LayerSpec",
    "ReceptiveField",
    "RefusedFile",
    "ResultTooLarge",
    "Statistics",
    "catalogue",
    "conv2d",
    "convolve2d",
    "corr2d",
    "correlate2d",
    "learn",
    "make_plan",
    "receptive_field",
    "receptive_fields",
    "scene",
]

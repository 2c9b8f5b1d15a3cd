from .correlate import (
    Plan,
    conv2d,
    convolve2d,
    corr2d,
    correlate2d,
    image_gradient,
    kernel_gradient,
    make_plan,
)
from .edits import Edit, EditFit, learn_edit
from .errors import InvalidInput, KernfitError, RefusedFile, ResultTooLarge
from .interop.conventions import convert
from .kernel import Kernel
from .learning import (
    Fit,
    KernelField,
    Statistics,
    VaryingFit,
    fit_statistics,
    learn,
    learn_varying,
)
from .lesson import scene, star_field
from .named_kernels import catalogue
from .see import (
    EffectiveField,
    LayerGraph,
    LayerSpec,
    ReceptiveField,
    TilePlan,
    Verification,
    effective_field,
    feature_maps,
    plot_maps,
    receptive_field,
    receptive_fields,
    run_tiled,
    tile_plan,
    verify,
)

__version__: str

__all__ = [
    "Edit",
    "EditFit",
    "EffectiveField",
    "Fit",
    "InvalidInput",
    "Kernel",
    "KernelField",
    "KernfitError",
    "LayerGraph",
    "LayerSpec",
    "Plan",
    "ReceptiveField",
    "RefusedFile",
    "ResultTooLarge",
    "Statistics",
    "TilePlan",
    "VaryingFit",
    "Verification",
    "catalogue",
    "conv2d",
    "convert",
    "convolve2d",
    "corr2d",
    "correlate2d",
    "effective_field",
    "feature_maps",
    "fit_statistics",
    "image_gradient",
    "kernel_gradient",
    "learn",
    "learn_edit",
    "learn_varying",
    "make_plan",
    "plot_maps",
    "receptive_field",
    "receptive_fields",
    "run_tiled",
    "scene",
    "star_field",
    "tile_plan",
    "verify",
]

"""ONNX models: read, run by ONNX Runtime, and measured."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from kernfit.frameworks.framework import Framework
from kernfit.frameworks.onnx.read import cut_behind, read_onnx, with_inputs
from kernfit.frameworks.onnx.run import onnx_runner
from kernfit.frameworks.onnx.twin import onnx_twin


def _owns(model: Any) -> bool:
    if isinstance(model, (str, os.PathLike)):
        return Path(model).suffix.lower() == ".onnx"
    onnx = sys.modules.get("onnx")
    return onnx is not None and isinstance(model, onnx.ModelProto)


ONNX = Framework("onnx", _owns, read_onnx, onnx_runner, onnx_twin, cut_behind, with_inputs)

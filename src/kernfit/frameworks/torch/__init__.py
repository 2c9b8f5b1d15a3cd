"""PyTorch modules: read through torch.export, run, and measured."""

from __future__ import annotations

import sys
from typing import Any

from kernfit.frameworks.framework import Framework
from kernfit.frameworks.torch.exporting import checked
from kernfit.frameworks.torch.gradient import torch_gradient
from kernfit.frameworks.torch.inputs import with_inputs
from kernfit.frameworks.torch.read import read_torch
from kernfit.frameworks.torch.run import torch_runner
from kernfit.frameworks.torch.twin import torch_twin


def _owns(model: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(
        model, (torch.nn.Module, torch.export.ExportedProgram, torch.jit.ScriptFunction)
    )


TORCH = Framework(
    "torch",
    _owns,
    read_torch,
    torch_runner,
    torch_twin,
    fix=with_inputs,
    dimensions=checked,
    gradient=torch_gradient,
)

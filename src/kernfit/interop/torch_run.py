"""PyTorch modules run on images of any size, up to any layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.interop.packages import need
from kernfit.interop.runner import Runner, digest
from kernfit.interop.torch import export, read_torch


def torch_runner(
    model: Any, layer: str | None, pointwise: frozenset[str] = frozenset()
) -> tuple[Runner, str]:
    """Return a function that runs a module on one image, and a mark that tells modules apart.

    The module is called as it is, in inference mode, for its first output; for another layer it
    is exported for each size of image and run up to there.

    Parameters
    ----------
    model : torch.nn.Module
    layer : str, optional
    pointwise : frozenset of str
        As in `receptive_field`.

    Raises
    ------
    InvalidInput
        If there is no such layer.
    """
    torch = need("torch", "torch")
    target = read_torch(model, pointwise=pointwise).find(layer) if layer is not None else None
    weight = next(model.parameters(), None)
    exported: dict[tuple[int, ...], Any] = {}

    def run(image: Array) -> Array:
        batch = torch.from_numpy(np.ascontiguousarray(image[np.newaxis]))
        batch = batch.to(torch.float32) if weight is None else batch.to(weight.device, weight.dtype)
        with torch.no_grad():
            if target is None:
                given = _called(model, batch)
            else:
                size = tuple(batch.shape[-2:])
                if size not in exported:
                    exported[size] = export(model, (size[0], size[1])).module()
                given = upto(torch, exported[size], target, batch)
        if given.ndim != 4:
            raise InvalidInput(
                f"layer {target or 'output'!r} must be a feature map (batch, channels, rows, "
                f"columns), got shape {tuple(given.shape)}: choose a layer before it"
            )
        result: Array = given[0].cpu().numpy()
        return result

    numbers = (
        tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes()
        for tensor in model.state_dict().values()
    )
    return run, digest(str(model).encode(), str(target).encode(), *numbers)


def _called(model: Any, batch: Any) -> Any:
    """Call a module in inference mode and leave it as it was."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        given = model(batch)
    finally:
        for module in training:
            module.training = True
    while isinstance(given, (list, tuple)):
        given = given[0]
    return next(iter(given.values())) if isinstance(given, dict) else given


def upto(torch: Any, module: Any, target: str, batch: Any) -> Any:
    """Run an exported module up to one node."""
    node_name, _, part = target.partition(":")

    class Found(Exception):
        pass

    class UpTo(torch.fx.Interpreter):  # type: ignore[misc]
        def run_node(self, node: Any) -> Any:
            value = super().run_node(node)
            if node.name == node_name:
                raise Found(value)
            return value

    interpreter = UpTo(module)
    interpreter.extra_traceback = False  # nothing is wrong where it stops
    try:
        interpreter.run(batch)
    except Found as found:
        value = found.args[0]
        if part:
            return value[int(part)]
        return value[0] if isinstance(value, (list, tuple)) else value
    raise InvalidInput(f"layer must be computed by the model, got {target!r}")

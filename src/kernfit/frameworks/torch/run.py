"""PyTorch modules run on images of any size, up to any layer."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.frameworks.runner import Runner, apart
from kernfit.frameworks.torch.exporting import export, plain
from kernfit.frameworks.torch.inputs import image_count
from kernfit.frameworks.torch.read import read_torch
from kernfit.hashing import digest
from kernfit.packages import need


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
    model = plain(model)
    target: str | None = None
    counts: tuple[int, ...] = (1,)
    if layer is not None or image_count(model) > 1:
        graph = read_torch(model, pointwise=pointwise)
        target = None if layer is None else graph.find(layer)
        counts = graph.image_channels
    weight = next(model.parameters(), None)
    exported: dict[tuple[int, ...], Any] = {}

    def run(image: Array) -> Array:
        like: dict[str, Any] = {"dtype": torch.float32}
        if weight is not None:
            like = {"device": weight.device, "dtype": weight.dtype}
        images = [
            torch.from_numpy(np.ascontiguousarray(part[np.newaxis])).to(**like)
            for part in apart(image, counts)
        ]
        with torch.no_grad():
            if target is None:
                given = _called(model, images)
            else:
                size = tuple(image.shape[1:])
                if size not in exported:
                    exported[size] = export(model, size).module()
                given = upto(torch, exported[size], target, images)
        if given.ndim != image.ndim + 1:
            raise InvalidInput(
                f"layer {target or 'output'!r} must be a feature map (batch, channels and "
                f"the image's axes), got shape {tuple(given.shape)}: choose a layer before it"
            )
        # NumPy has no bfloat16.
        kept = given[0].float() if given.dtype == torch.bfloat16 else given[0]
        result: Array = kept.cpu().numpy()
        return result

    numbers = (
        tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        for tensor in model.state_dict().values()
    )
    return run, digest(str(model).encode(), str(target).encode(), *numbers)


def _called(model: Any, images: list[Any]) -> Any:
    """Call a module in inference mode and leave it as it was."""
    training = [module for module in model.modules() if module.training]
    with suppress(NotImplementedError):  # of what has been exported, which is so already
        model.eval()
    try:
        given = model(*images)
    finally:
        for module in training:
            module.training = True
    while isinstance(given, (list, tuple)):
        given = given[0]
    return next(iter(given.values())) if isinstance(given, dict) else given


def upto(torch: Any, module: Any, target: str, images: list[Any]) -> Any:
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
        interpreter.run(*images)
    except Found as found:
        value = found.args[0]
        if part:
            return value[int(part)]
        return value[0] if isinstance(value, (list, tuple)) else value
    raise InvalidInput(f"layer must be computed by the model, got {target!r}")

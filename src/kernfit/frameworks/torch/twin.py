"""A module's twin that passes on only whether something arrives: 0 or 1 at every element."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernfit.arrays import Array
from kernfit.frameworks.runner import Runner, apart
from kernfit.frameworks.torch.exporting import export, plain
from kernfit.frameworks.torch.ops import KEPT
from kernfit.frameworks.torch.read import read_torch
from kernfit.packages import need

WEIGHED = ("linear", *(f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3)))
# Each of some elements depends on all of them.
MIXED = ("softmax", "log_softmax", "layer_norm", "rms_norm")
SUMMED = ("avg_pool", "upsample_", "_upsample_", "adaptive_avg_pool")


def torch_twin(
    model: Any,
    layer: str | None,
    pointwise: frozenset[str] = frozenset(),
    zeros: bool = False,
) -> Runner:
    """Return a function that shows which elements of a layer an image of 0 and 1 reaches.

    All weights are 1 and all biases 0, element-wise operations hand their input on or add their
    inputs, and after each sum a sign makes 1 of what is more. So nothing cancels, overflows or
    vanishes, and PyTorch itself says what depends on what.

    Parameters
    ----------
    model, layer, pointwise
        As in `torch_runner`.
    zeros : bool
        Weights that are zero stay zero.
    """
    torch = need("torch", "torch")
    model = plain(model)

    interpreter: Any = torch.fx.Interpreter

    class Twin(interpreter):  # type: ignore[misc]
        """Runs a program and keeps the value of one node."""

        def __init__(self, program: Any, target: str) -> None:
            super().__init__(program)
            self.target, self.found = target, None
            # What depends on the image: other numbers are left as they are.
            self._moved: set[Any] = set()
            for node in self.module.graph.nodes:
                if node.op == "placeholder" or self._moved.intersection(node.all_input_nodes):
                    self._moved.add(node)

        def run_node(self, node: Any) -> Any:
            value = self._value(node)
            if node.name == self.target:
                self.found = value
            return value

        def _value(self, node: Any) -> Any:
            if node.op != "call_function":
                return super().run_node(node)
            args, kwargs = self.fetch_args_kwargs_from_env(node)
            name = str(node.target).split(".")[1] if "." in str(node.target) else ""
            plain_op = name.rstrip("_")
            tags = getattr(node.target, "tags", ())
            images = [self.env[before] for before in node.all_input_nodes if before in self._moved]
            if not images:
                return node.target(*args, **kwargs)
            if pointwise & {plain_op, node.name, str(node.target)} or (
                plain_op in KEPT
                or (plain_op == "instance_norm" and not args[5])
                or torch.Tag.pointwise in tags
            ):
                return torch.sign(sum(images[1:], images[0]))
            if plain_op in WEIGHED:
                ones = (args[1] != 0).to(args[1]) if zeros else torch.ones_like(args[1])
                args = (args[0], ones, None, *args[3:])
                args = args[: max(2, len(node.args))]
                return torch.sign(node.target(*args, **(kwargs | {})))
            if plain_op in MIXED:
                over = args[1] if isinstance(args[1], int) else range(-len(args[1]), 0)
                axes = [over] if isinstance(over, int) else list(over)
                return torch.sign(args[0].sum(axes, keepdim=True).expand_as(args[0]))
            value = node.target(*args, **kwargs)
            return torch.sign(value) if plain_op.startswith(SUMMED) else value

    programs: dict[tuple[int, ...], Any] = {}
    graph = read_torch(model, pointwise=pointwise)
    target = graph.find(layer)

    def run(image: Array) -> Array:
        size = image.shape[1:]
        if size not in programs:
            programs[size] = export(model, size).module()
        twin = Twin(programs[size], target.partition(":")[0])
        parts = apart(image, graph.image_channels)
        with torch.no_grad():
            twin.run(*(torch.from_numpy(np.array(part[np.newaxis], np.float32)) for part in parts))
        value: Any = twin.found
        if isinstance(value, (list, tuple)):
            value = value[int(target.partition(":")[2] or 0)]
        result: Array = value[0].numpy()
        return result

    return run

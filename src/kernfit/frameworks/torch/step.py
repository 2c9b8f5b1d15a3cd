"""One operation of an exported torch program: arguments by name, output shape at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernfit.frameworks.trace import Axes, Place, Shape, Trace
from kernfit.graph.graph import Rules, Sizes


class TorchStep:
    """An operation while the reader walks over a program.

    Parameters
    ----------
    torch : module
    trace : Trace
    node : torch.fx.Node
    places : dict
        Tensors that depend on the image, by node name; lists for several outputs.
    """

    def __init__(
        self, torch: Any, trace: Trace, node: Any, places: dict[str, Place | list[Place]]
    ) -> None:
        self.trace, self.node, self.name = trace, node, str(node.name)
        self._torch = torch
        self.places = places
        schema = getattr(node.target, "_schema", None)
        # In-place operations have the same geometry and a name with an underscore behind.
        name = schema.name.split("::")[-1] if schema is not None else node.target.__name__
        self.op = name if name.startswith("_") else name.rstrip("_")
        self.arguments: dict[str, Any] = dict(node.kwargs)
        if schema is not None:
            for argument, value in zip(schema.arguments, node.args, strict=False):
                self.arguments[argument.name] = value
            for argument in schema.arguments:
                if argument.has_default_value():
                    self.arguments.setdefault(argument.name, argument.default_value)
        self.inputs: list[Place] = []
        for before in node.all_input_nodes:
            place = places.get(before.name)
            self.inputs += [place] if isinstance(place, Place) else place or []

    @property
    def x(self) -> Place:
        """The first input that depends on the image."""
        return self.inputs[0]

    @property
    def shape(self) -> Shape:
        """Shape of the (first) output."""
        value = self.node.meta["val"]
        while isinstance(value, (list, tuple)):
            value = value[0]
        return tuple(int(n) for n in value.shape)

    @property
    def shapes(self) -> list[Shape]:
        """Shapes of several outputs."""
        return [tuple(int(n) for n in value.shape) for value in self.node.meta["val"]]

    def get(self, name: str, default: Any = None) -> Any:
        """Return an argument by its name in the operation's schema."""
        value = self.arguments.get(name)
        return default if value is None else value

    @property
    def sliding(self) -> int:
        """Along how many axes a window slides, as the operation's name says."""
        return next((n for n in (1, 2, 3) if f"{n}d" in self.op), 2)

    def numbers(self, name: str, default: int | Sequence[int], count: int) -> Sizes:
        """Return an argument of one number or several as one for each axis."""
        value = self.get(name)
        if value is None or (isinstance(value, (list, tuple)) and not value):
            value = default
        items = [value] if isinstance(value, int) else list(value)
        return tuple(items * count if len(items) == 1 else items)

    def place(self, name: str) -> Place | None:
        """Return an argument if it depends on the image."""
        found = self.places.get(getattr(self.get(name), "name", ""))
        return found if isinstance(found, Place) else None

    def outputs(self, number: int) -> Place | None:
        """Return one of several outputs of the operation that this one picks from."""
        found = self.places.get(self.node.args[0].name)
        return found[number] if isinstance(found, list) else found

    def weight_shape(self, name: str = "weight") -> Shape:
        """Return the shape of a tensor argument."""
        return tuple(int(n) for n in self.get(name).meta["val"].shape)

    def kept(self, rules: Rules | None = None) -> Place:
        """Add the operation with rows and columns where they were."""
        return self.trace.step(self.name, self.op, self.inputs, self.shape, rules)

    def slid(self, rules: Rules) -> Place:
        """Add a window over the last axes."""
        return self.trace.slide(self.name, self.op, self.x, self.shape, rules)

    def everywhere(self, reason: str, axes: Axes | None = None) -> Place:
        """Add an operation that may see the whole image."""
        return self.trace.everywhere(self.name, self.op, self.inputs, self.shape, reason, axes)

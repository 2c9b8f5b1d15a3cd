"""What kernfit asks of a framework, as one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kernfit.arrays import Array
from kernfit.frameworks.runner import Runner
from kernfit.graph.graph import LayerGraph


def _as_it_is(model: Any, _layer: str, _pointwise: frozenset[str]) -> Any:
    return model


def _two(_model: Any) -> int:
    return 2


@dataclass(frozen=True)
class Framework:
    """How models of one kind are read, run and measured; nothing optional is imported before.

    Attributes
    ----------
    name : str
    owns : function of a model
        Whether it is one of these. Who has made a model has imported its program, so this looks
        at what is loaded and imports nothing.
    read : function of a model, shape=, pointwise=
        Its operations as a `LayerGraph`.
    run : function of a model, a layer and pointwise, or None
        A `Runner`, and a mark that tells models apart; None: it has no weights.
    twin : function of a model, a layer, pointwise and zeros, or None
        A `Runner` that shows which elements of a layer an image of 0 and 1 reaches.
    cut : function of a model, a layer and pointwise
        The model without what comes behind the layer, where the format lets it be cut: that, such
        as a dense layer, often takes images of one size only.
    fix : function of a model and a mapping, or None
        The model with some of its inputs, by name, as constants.
    dimensions : function of a model
        How many axes an image of it has.
    gradient : function or None
        The root mean square gradient of an element, by pixel.
    """

    name: str
    owns: Callable[[Any], bool]
    read: Callable[..., LayerGraph]
    run: Callable[[Any, str | None, frozenset[str]], tuple[Runner, str]] | None = None
    twin: Callable[[Any, str | None, frozenset[str], bool], Runner] | None = None
    cut: Callable[[Any, str, frozenset[str]], Any] = _as_it_is
    fix: Callable[[Any, Mapping[str, Any]], Any] | None = None
    dimensions: Callable[[Any], int] = _two
    gradient: Callable[..., Array] | None = None

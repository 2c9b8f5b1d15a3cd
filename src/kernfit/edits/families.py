"""What the search tries: longer chains, the usual stages put where they make sense."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from kernfit.edits.clip import Clip
from kernfit.edits.colour import Colour
from kernfit.edits.curve import Curve
from kernfit.edits.finding_detail import DetailFamily
from kernfit.edits.finding_look import LookFamily
from kernfit.edits.gain import GainField
from kernfit.edits.hue import HueFamily
from kernfit.edits.neighbours import Gaussian, Neighbours
from kernfit.edits.stage import Family, Stage, Task
from kernfit.edits.tone import Tone

Chain = tuple[Stage, ...]
_CURVES = (Curve, Tone)
_KERNELS = (Gaussian, Neighbours)
_WIDE = 5.0  # pixels: the sigma that wide blurs are looked for from


def kinds(chain: Chain) -> list[str]:
    """Return the kinds of a chain's stages, the transfer to light told apart."""
    return [
        f"{stage.form}" if isinstance(stage, Tone) and "light" in stage.form else stage.kind
        for stage in chain
    ]


def _is_light(stage: Stage) -> bool:
    return isinstance(stage, Tone) and "light" in stage.form


def _beside(chain: Chain, place: int, types: tuple[type, ...]) -> bool:
    """Say whether a stage of some types stands next to a place."""
    near = chain[max(0, place - 1) : place + 1]
    return any(isinstance(stage, types) and not _is_light(stage) for stage in near)


def _channels(task: Task, place: int) -> int:
    """Return how many channels an image has at a place."""
    outputs = [len(s.matrix) for s in task.chain[:place] if isinstance(s, Colour)]
    return outputs[-1] if outputs else len(task.before)


class Colours:
    """Channels that mix."""

    name = "colour"
    last_resort = False

    def grow(self, task: Task) -> Iterator[Chain]:
        """Return chains with a matrix more."""
        if task.before.shape[0] != len(task.after):
            if not any(isinstance(s, Colour) for s in task.chain):
                inputs, outputs = len(task.before), len(task.after)
                grey = Colour.of(
                    np.full((outputs, inputs), 1.0 / inputs), 0.0, "matrix and offsets"
                )
                for place in range(len(task.chain) + 1):
                    yield task.with_stage(place, grey)
            return
        if len(task.before) != 3:
            return
        for place in range(len(task.chain) + 1):
            kernel_near = _beside(task.chain, place, _KERNELS)
            if _beside(task.chain, place, (Colour,)):
                continue
            if kernel_near and place and isinstance(task.chain[place - 1], _KERNELS):
                continue  # a matrix and a kernel may change places: once is enough
            yield task.with_stage(place, Colour.at_rest("matrix and offsets"))


class Curves:
    """A curve of the level."""

    name = "curve"
    last_resort = False

    def grow(self, task: Task) -> Iterator[Chain]:
        """Return chains with a curve more."""
        for place in range(len(task.chain) + 1):
            if _beside(task.chain, place, _CURVES):
                continue
            channels = _channels(task, place)
            yield task.with_stage(place, Tone.at_rest("gamma"))
            yield task.with_stage(place, Curve.at_rest(6))
            if channels > 1:
                yield task.with_stage(place, Curve.at_rest(6, channels))


class Kernels:
    """Neighbours that mix."""

    name = "kernel"
    last_resort = False

    def grow(self, task: Task) -> Iterator[Chain]:
        """Return chains with a kernel, if they have none."""
        if any(isinstance(stage, _KERNELS) for stage in task.chain):
            return
        for place in range(len(task.chain) + 1):
            if place and isinstance(task.chain[place - 1], Colour):
                continue
            unit = bool(task.chain)
            yield task.with_stage(place, Neighbours.at_rest((5, 5), unit=unit))
            yield task.with_stage(place, Neighbours.at_rest((11, 11), "isotropic", unit=unit))
            if not unit:
                yield task.with_stage(place, Gaussian(_WIDE, 1.0, blurs=True))


class Gains:
    """A vignette or another gain field."""

    name = "gain"
    last_resort = False

    def grow(self, task: Task) -> Iterator[Chain]:
        """Return chains with a gain field, if they have none."""
        if any(isinstance(stage, GainField) for stage in task.chain):
            return
        for place in range(len(task.chain) + 1):
            yield task.with_stage(place, GainField((0.0, 0.0)))
            if place == 0:
                yield task.with_stage(place, GainField((0.0,) * 5, "polynomial"))


class Light:
    """Work in linear light: there in front of some stages, and back behind them."""

    name = "light"
    last_resort = False

    def grow(self, task: Task) -> Iterator[Chain]:
        """Return the chain in linear light."""
        chain = task.chain
        if any(_is_light(stage) for stage in chain):
            return
        if not chain:
            kernel = Neighbours.at_rest((11, 11), "isotropic", unit=True)
            yield (Tone("to light"), kernel, Tone("from light"))
            if len(task.before) == len(task.after) == 3:
                matrix = Colour.at_rest("matrix and offsets")
                yield (Tone("to light"), matrix, Tone("from light"))
            return
        bent = [n for n, s in enumerate(chain) if isinstance(s, _CURVES)]
        for first in range(len(chain)):
            for last in range(first + 1, len(chain) + 1):
                inner = chain[first:last]
                if any(first <= n < last for n in bent):
                    continue
                if any(isinstance(s, (*_KERNELS, Colour)) for s in inner):
                    yield (
                        *chain[:first],
                        Tone("to light"),
                        *inner,
                        Tone("from light"),
                        *chain[last:],
                    )


class Clips:
    """Levels that are cut off between two stages."""

    name = "clip"
    last_resort = False

    def grow(self, task: Task) -> Iterator[Chain]:
        """Return chains that clip behind a kernel, a matrix or a curve."""
        for place in range(1, len(task.chain)):
            front, behind = task.chain[place - 1], task.chain[place]
            if isinstance(front, Clip) or isinstance(behind, Clip) or _is_light(front):
                continue
            yield task.with_stage(place, Clip())


FAMILIES: tuple[Family, ...] = (
    Colours(),
    Kernels(),
    Curves(),
    Light(),
    HueFamily(),
    Gains(),
    Clips(),
    DetailFamily(),
    LookFamily(),
)


def grown(task: Task, names: Iterable[str], *, last_resort: bool) -> Iterator[tuple[str, Chain]]:
    """Yield what the families propose, with the family's name."""
    wanted = set(names)
    for family in FAMILIES:
        if family.name in wanted and family.last_resort == last_resort:
            for chain in family.grow(task):
                yield family.name, chain

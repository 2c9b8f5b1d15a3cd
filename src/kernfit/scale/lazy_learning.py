"""Learn from Dask arrays: sums as a tree, on whichever scheduler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import pairwise
from operator import add
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kernfit.arrays import Array, as_pair_of_ints
from kernfit.errors import InvalidInput
from kernfit.learning import Fit, Request, answer
from kernfit.learning.pairs.equations import Equations
from kernfit.packages import need
from kernfit.scale.chunks import Chunks
from kernfit.scale.labels import unlabelled
from kernfit.scale.pairs import SEEN, Function, LargeEquations, LargePair, Sides, Window
from kernfit.scale.windows import Span

_FAN = 8  # branches of the tree at each fork


def learn(
    before: Any,
    after: Any,
    *,
    shape: str | int | Sequence[int] = "auto",
    bias: bool = True,
    clip: Sequence[float] | None = None,
    clip_before: Sequence[float] | None = None,
    mask: Any = None,
    variance: Any = None,
    before_variance: Any = None,
    channels: str = "alike",
    descent: float | None = None,
    steps: int = 10,
    start: ArrayLike | None = None,
    whole_levels: bool = True,
    constraints: str | Sequence[str] = (),
    free: ArrayLike | None = None,
    ridge: float | str | None = None,
    smooth: float | str | None = None,
) -> Fit:
    """Find the kernel that turns one Dask array into another; the answer is that of `learn`.

    The images are looked at several times, a chunk at a time, by the current scheduler: threads,
    processes or a ``distributed`` cluster. Persist them first if they are costly to make.

    Parameters
    ----------
    before, after : dask.array.Array or xarray.DataArray, shape (H, W) or (channels, H, W)
        In chunks of any size, of equal size or as a "valid" result.
    mask : array of bool, shape (H, W), optional
        True where a pixel of the after image shall count.
    variance, before_variance : array, optional
        Of each pixel's noise, as for `kernfit.learn`; that of the before image may be a number.
    shape, bias, clip, clip_before, channels, descent, steps, start, whole_levels, constraints,\
    free, ridge, smooth
        As for `kernfit.learn`.

    Returns
    -------
    Fit

    Raises
    ------
    InvalidInput
        As for `kernfit.learn`.

    Examples
    --------
    >>> import pytest; da = pytest.importorskip("dask.array")
    >>> from kernfit import scene
    >>> x = da.from_array(scene((90, 120)).astype(float), chunks=(40, 50))
    >>> learn(x, x[:, 1:] - x[:, :-1], shape=(1, 2)).kernel.taps.round(9)
    array([[-1.,  1.]])
    """
    pair = _pair(
        before,
        after,
        mask,
        clip=clip,
        clip_before=clip_before,
        channels=channels,
        variance=variance,
        before_variance=before_variance,
    )
    request = Request.of(
        shape=shape,
        bias=bias,
        channels=channels,
        descent=descent,
        steps=steps,
        start=start,
        whole_levels=whole_levels,
        constraints=constraints,
        free=free,
        ridge=ridge,
        smooth=smooth,
        threads=1,
    )
    return answer(pair, request)


def statistics(
    before: Any,
    after: Any,
    shape: int | Sides,
    *,
    clip: Sequence[float] | None = None,
    clip_before: Sequence[float] | None = None,
    mask: Any = None,
    variance: Any = None,
    before_variance: Any = None,
    channels: str = "alike",
) -> Any:
    """Sum up a pair of Dask arrays, lazily.

    Parameters
    ----------
    before, after, clip, clip_before, mask, variance, before_variance, channels
        As for `learn`.
    shape : int or (kh, kw)
        The kernel's shape.

    Returns
    -------
    dask.delayed.Delayed
        Its ``compute()`` gives the `kernfit.Statistics` of all that counts.

    Raises
    ------
    InvalidInput
        As for `learn`.

    Examples
    --------
    >>> import pytest; da = pytest.importorskip("dask.array")
    >>> x = da.ones((90, 120), chunks=40)
    >>> statistics(x, x, 3).compute().count
    10384
    """
    pair = _pair(
        before,
        after,
        mask,
        clip=clip,
        clip_before=clip_before,
        channels=channels,
        variance=variance,
        before_variance=before_variance,
    )
    size = as_pair_of_ints(shape, "shape", least=1)
    anchor = ((size[0] - 1) // 2, (size[1] - 1) // 2)
    place = pair.place(size, anchor, 0)
    look = partial(Equations.statistics, shape=size, anchor=anchor, channels=channels, threads=1)
    whole = slice(0, place.size[0]), slice(0, place.size[1])
    (total,) = DaskEquations(pair, place).trees(look, [whole])
    return need("dask", "scale").delayed(_first)(total)


@dataclass(frozen=True)
class DaskImage:
    """A Dask array as (channels, rows, columns), whose slices are computed."""

    array: Any

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, rows, columns)."""
        return self.array.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the pixels."""
        return self.array.dtype  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """Number of pixels in all channels."""
        return int(self.array.size)

    def __len__(self) -> int:
        return int(self.array.shape[0])

    def __getitem__(self, index: Any) -> Array:
        """Return a part, given by slices."""
        return np.asarray(self.array[index].compute())


class DaskPair(LargePair):
    """A pair of `DaskImage`."""

    def equations(  # type: ignore[override]
        self, shape: Sides, anchor: Sides, *, margin: int = 0
    ) -> LargeEquations:
        """Return what counts for a kernel of this shape and anchor."""
        return DaskEquations(self, self.place(shape, anchor, margin))


class DaskEquations(LargeEquations):
    """Sums by a graph of tasks: one for each chunk and block, and a tree for each block."""

    def _sums(
        self, function: Function, blocks: list[tuple[slice, slice]]
    ) -> tuple[list[Any], dict[str, int]]:
        (found,) = need("dask", "scale").compute(self.trees(function, blocks))
        left_out: dict[str, int] = {}
        for _, counts in found:
            left_out = _merged(left_out, counts)
        return [value for value, _ in found], left_out

    def trees(self, function: Function, blocks: list[tuple[slice, slice]]) -> list[Any]:
        """Return, for each block, a Delayed of its sum and of what was left out."""
        base = need("dask.base", "scale")
        place, pair = self.place, self.pair
        window = self.window()
        images = {"before": pair.before, "after": pair.after, **pair.others}
        names = tuple(pair.others)
        arrays = [image.array for image in images.values()]
        cuts = [self._cuts(axis, blocks) for axis in (0, 1)]
        seen = [_spans(cuts[n], place.before[n], place.shape[n] - 1) for n in (0, 1)]
        outputs = [_spans(cuts[n], place.after[n], 0) for n in (0, 1)]
        token = base.tokenize(function, window, blocks, *arrays)
        chunked = [
            Chunks(
                array,
                f"kernfit-rim-{name}-{token}",
                *(seen if name in ("before", SEEN) else outputs),
            )
            for name, array in zip(images, arrays, strict=True)
        ]
        tasks: dict[Any, Any] = {}
        inside: list[list[Any]] = [[] for _ in blocks]
        numbers = {(rows.start, columns.start): n for n, (rows, columns) in enumerate(blocks)}
        tops, lefts = sorted({place[0] for place in numbers}), sorted({p[1] for p in numbers})
        for row, top in enumerate(cuts[0][:-1]):
            for column, left in enumerate(cuts[1][:-1]):
                key = (f"kernfit-sum-{token}", row, column)
                parts: list[Any] = []
                for image in chunked:
                    # Channels lie in one chunk.
                    parts += image.window((0,), row, column)
                tasks[key] = (_look, window, function, names, *parts)
                block = numbers[_below(tops, top), _below(lefts, left)]
                inside[block].append(key)
        for image in chunked:
            tasks.update(image.rims)
        return [self._tree(tasks, keys, chunked, f"{token}-{n}") for n, keys in enumerate(inside)]

    def _tree(self, tasks: dict[Any, Any], keys: list[Any], images: list[Chunks], name: str) -> Any:
        """Return the sum of some tasks, a few at a time."""
        level = 0
        tree: dict[Any, Any] = {}
        while len(keys) > 1 or level == 0:
            forks = [keys[n : n + _FAN] for n in range(0, len(keys), _FAN)]
            keys = [(f"kernfit-tree-{name}", level, n) for n in range(len(forks))]
            tree |= {key: (_sum, fork) for key, fork in zip(keys, forks, strict=True)}
            level += 1
        highlevel = need("dask.highlevelgraph", "scale").HighLevelGraph
        shared = f"kernfit-{name.rsplit('-', 1)[0]}"
        layers: dict[str, Any] = {shared: tasks, f"kernfit-tree-{name}": tree}
        needs: dict[str, set[str]] = {
            shared: {image.array.name for image in images},
            f"kernfit-tree-{name}": {shared},
        }
        for image in images:
            graph = image.array.__dask_graph__()
            layers.update(graph.layers)
            needs.update(graph.dependencies)
        delayed = need("dask.delayed", "scale")
        return delayed.Delayed(keys[0], highlevel(layers, needs), layer=f"kernfit-tree-{name}")

    def _cuts(self, axis: int, blocks: list[tuple[slice, slice]]) -> list[int]:
        """Return where tiles begin: at blocks and at the after image's chunks; and the end."""
        edges = {0, self.place.size[axis], *(block[axis].start for block in blocks)}
        after = self.pair.after.array  # type: ignore[attr-defined]
        starts = np.cumsum(after.chunks[axis + 1]) - self.place.after[axis]
        return sorted(edges | {n for n in starts.tolist() if 0 < n < self.place.size[axis]})

    def _parts(self, places: list[tuple[slice, slice]]) -> list[Equations]:
        """Return the equations of some outputs, fetched together."""
        window = self.window()
        names = tuple(self.pair.others)
        images = [self.pair.before, self.pair.after, *self.pair.others.values()]
        wanted = [
            [
                image.array[slice(None), *window.reach(name, *place)]
                for image, name in zip(images, (SEEN, "after", *names), strict=True)
            ]
            for place in places
        ]
        (found,) = need("dask", "scale").compute(wanted)
        return [
            window.equations(x, y, **dict(zip(names, others, strict=True)))
            for x, y, *others in found
        ]


def _pair(before: Any, after: Any, mask: Any, **options: Any) -> DaskPair:
    """Check the images against one another."""
    images = [_planes(before, "before"), _planes(after, "after")]
    shown = None
    if mask is not None:
        shown = _planes(mask, "mask")
        if shown.dtype != np.bool_:
            raise InvalidInput(
                f"mask must be boolean (True: use this pixel), got dtype {shown.dtype}: compare "
                "first, for example mask > 0"
            )
    for name in ("variance", SEEN):
        given = options[name]
        if given is not None and not isinstance(given, (int, float)):
            options[name] = _planes(given, name)
    return DaskPair.of_images(*images, mask=shown, **options)


def _planes(image: Any, name: str) -> DaskImage:
    array, _ = unlabelled(image, name)
    if array.ndim not in (2, 3):
        raise InvalidInput(
            f"{name} must have shape (rows, columns) or (channels, rows, columns), got "
            f"{array.shape}"
        )
    return DaskImage(array.reshape(1, *array.shape) if array.ndim == 2 else array.rechunk({0: -1}))


def _spans(cuts: list[int], first: int, more: int) -> list[Span]:
    """Return the pixels from one cut to the next, counted from the first, and some more."""
    return [
        Span(start, stop, np.arange(first + start, first + stop + more))
        for start, stop in pairwise(cuts)
    ]


def _below(starts: list[int], place: int) -> int:
    return max(start for start in starts if start <= place)


def _look(
    window: Window, function: Function, names: tuple[str, ...], *parts: Any
) -> tuple[Any, dict[str, int]]:
    """Put the parts of all images together and look at them."""
    x, y, *others = (how(pieces) for how, pieces in zip(parts[::2], parts[1::2], strict=True))
    return window.look(function, x, y, **dict(zip(names, others, strict=True)))


def _sum(found: list[tuple[Any, dict[str, int]]]) -> tuple[Any, dict[str, int]]:
    """Add a few sums, in order."""
    return reduce(add, (value for value, _ in found)), reduce(
        _merged, (counts for _, counts in found)
    )


def _merged(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    return {name: first.get(name, 0) + second.get(name, 0) for name in {**first, **second}}


def _first(both: tuple[Any, dict[str, int]]) -> Any:
    return both[0]

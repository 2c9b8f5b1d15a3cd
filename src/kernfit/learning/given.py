"""What a user gives to `learn`, as a source: one pair or several, in memory or on a device."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernfit.devices import is_elsewhere, to_host
from kernfit.errors import InvalidInput
from kernfit.learning.elsewhere import ElsewherePair
from kernfit.learning.pairs.pair import Pair
from kernfit.learning.pairs.several import Pairs
from kernfit.learning.request import Data, Request


def source_of(before: Any, after: Any, request: Request) -> Pair | Pairs:
    """Return the source that two images make, or two lists of them.

    Images of other libraries are summed up where they lie, unless something is asked for that
    looks at single pixels; then they are taken into memory.

    Raises
    ------
    InvalidInput
        If they do not belong together.
    """
    images = _several(before, after)
    if images is None:
        return _pair(before, after, request.data, request)
    members = [
        _pair(first, second, request.data.of_pair(n), request)
        for n, (first, second) in enumerate(images)
    ]
    return members[0] if len(members) == 1 else Pairs(tuple(members))


def _pair(before: Any, after: Any, data: Data, request: Request) -> Pair:
    given: dict[str, Any] = {
        name: _on_host(getattr(data, name))
        for name in ("clip", "clip_before", "mask", "variance", "before_variance")
    }
    if is_elsewhere(before) or is_elsewhere(after):
        if not (is_elsewhere(before) and is_elsewhere(after)):
            raise InvalidInput(
                "before and after must be arrays of one library, got "
                f"{type(before).__name__} and {type(after).__name__}: convert one of them"
            )
        weights = any(
            given[name] is not None for name in ("clip_before", "variance", "before_variance")
        )
        if not (weights or request.solver.robust or request.model.transfer):
            return ElsewherePair.of_arrays(
                before,
                after,
                clip=given["clip"],
                mask=given["mask"],
                channels=request.model.channels,
            )
        before, after = to_host(before), to_host(after)
    return Pair.of(before, after, channels=request.model.channels, **given)


def _on_host(value: Any) -> Any:
    return to_host(value) if is_elsewhere(value) else value


def _several(before: object, after: object) -> list[tuple[Any, Any]] | None:
    """Return pairs of images if both are lists of arrays, else None."""
    lists = [
        isinstance(images, (list, tuple))
        and len(images) > 0
        and all(
            (isinstance(image, np.ndarray) or is_elsewhere(image)) and image.ndim > 1
            for image in images
        )
        for images in (before, after)
    ]
    if not all(lists):
        return None
    first, second = list(before), list(after)  # type: ignore[call-overload]
    if len(first) != len(second):
        raise InvalidInput(
            f"before and after must be lists of equally many images, got {len(first)} and "
            f"{len(second)}"
        )
    return list(zip(first, second, strict=True))

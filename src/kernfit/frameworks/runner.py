"""What a model is once it can be run: a function from an image to a feature map."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput

# From (channels, rows, columns) to the same of the result.
Runner = Callable[[Array], Array]


def apart(image: Array, channels: Sequence[int | None]) -> list[Array]:
    """Return the images that a model takes, whose channels are side by side in one.

    Parameters
    ----------
    image : ndarray, shape (channels, rows, columns)
    channels : sequence of int or None
        Of each of them; None: any number. The channels of a single one are for the model to judge.

    Raises
    ------
    InvalidInput
        If there are not as many channels.
    """
    if len(channels) == 1:
        return [image]
    counts = [count for count in channels if count is not None]
    if len(counts) < len(channels) or sum(counts) != len(image):
        raise InvalidInput(
            f"image must have the channels of the model's {len(channels)} images side by side, "
            f"{' + '.join(str(count or 'any') for count in channels)}, got {len(image)}"
        )
    return np.split(image, np.cumsum(counts)[:-1])

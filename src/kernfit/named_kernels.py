"""The catalogue: kernels that have a name, each with what it does and its source."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType

import numpy as np

from kernfit.arrays import Array
from kernfit.errors import InvalidInput
from kernfit.kernel import Kernel
from kernfit.kernel_families import box, disk, gaussian, laplacian_of_gaussian, motion
from kernfit.kernel_tables import rows

__all__ = [
    "Catalogue",
    "Entry",
    "UnknownKernel",
    "box",
    "catalogue",
    "detectors",
    "disk",
    "gaussian",
    "laplacian_of_gaussian",
    "motion",
    "step_answer",
]


class UnknownKernel(InvalidInput, KeyError):
    """A name that the catalogue does not have; a KeyError, as with every mapping."""

    # KeyError would show the message with quotes around it.
    __str__ = Exception.__str__


@dataclass(frozen=True)
class Entry:
    """One kernel of the catalogue.

    Attributes
    ----------
    name : str
        The key, for example "sobel_x".
    kernel : Kernel
        The kernel, as correlation applies it.
    summary : str
        What it does, in a sentence.
    source : str
        The paper or program from which it comes.
    group : str
        "plain", "gradient", "compass", "second derivative", "blur", "sharpen" or "Pillow".
    """

    name: str
    kernel: Kernel
    summary: str
    source: str
    group: str


class Catalogue(Mapping[str, Kernel]):
    """Named kernels, as a mapping that does not change.

    Examples
    --------
    >>> catalogue["sobel_x"]
    Kernel([[-1,  0,  1],
            [-2,  0,  2],
            [-1,  0,  1]], name='sobel_x')
    >>> catalogue.about("sobel_x").summary
    '8 times the smoothed slope, along x.'
    """

    __slots__ = ("_entries",)

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = MappingProxyType(dict(entries))

    def about(self, name: str) -> Entry:
        """Return the entry of a kernel: the kernel, what it does, its source and its group.

        Parameters
        ----------
        name : str
            One of the catalogue's keys.

        Returns
        -------
        Entry
            All that the catalogue knows.

        Raises
        ------
        UnknownKernel
            If there is no such name; an InvalidInput and a KeyError. Near names are listed.
        """
        try:
            return self._entries[name]
        except (KeyError, TypeError):
            near = get_close_matches(str(name).lower(), self._entries, n=4, cutoff=0.5)
            hint = f"did you mean {', '.join(near)}?" if near else "list(catalogue) shows them"
            raise UnknownKernel(
                f"name must be one of the {len(self)} kernels of the catalogue, got {name!r}: "
                f"{hint}"
            ) from None

    def __getitem__(self, name: str) -> Kernel:
        """Return the kernel of that name, or raise UnknownKernel."""
        return self.about(name).kernel

    def __iter__(self) -> Iterator[str]:
        """Go through the names, group by group."""
        return iter(self._entries)

    def __len__(self) -> int:
        """Return the number of kernels."""
        return len(self._entries)

    def __repr__(self) -> str:
        """Show the names."""
        return f"<catalogue of {len(self)} kernels: {', '.join(self)}>"


def _entry(name: str, group: str, kernel: Kernel, summary: str, source: str) -> Entry:
    named = Kernel(kernel.weight, kernel.bias, anchor=kernel.anchor, name=name)
    return Entry(name=name, kernel=named, summary=summary, source=source, group=group)


catalogue = Catalogue({row[0]: _entry(*row) for row in rows()})

# Edge detectors: one kernel, whose answer is the edge, or two, whose answers make up its length.
detectors: Mapping[str, tuple[Kernel, ...]] = MappingProxyType(
    {
        name: tuple(catalogue[kernel] for kernel in kernels)
        for name, kernels in {
            "lesson": ("lesson_edge", "lesson_edge_y"),
            "sobel": ("sobel_x", "sobel_y"),
            "scharr": ("scharr_x", "scharr_y"),
            "prewitt": ("prewitt_x", "prewitt_y"),
            "roberts": ("roberts_1", "roberts_2"),
            "frei_chen": ("frei_chen_x", "frei_chen_y"),
            "central_difference": ("central_difference_x", "central_difference_y"),
            "sobel_5": ("sobel_5_x", "sobel_5_y"),
            "laplacian": ("laplacian",),
            "laplacian_8": ("laplacian_8",),
            "laplacian_of_gaussian": ("laplacian_of_gaussian_5",),
        }.items()
    }
)


def step_answer(taps: Array) -> float:
    """Return the strongest answer to a straight edge of height 1, along rows or columns.

    Divided by it, an edge is as bright as its step is high, whatever the detector.

    Parameters
    ----------
    taps : ndarray, shape (kh, kw)

    Returns
    -------
    float

    Examples
    --------
    >>> step_answer(catalogue["sobel_x"].taps)
    4.0
    """
    partial = [np.abs(np.cumsum(taps.sum(axis=axis))).max() for axis in (0, 1)]
    return float(max(partial))

"""Tiles shared out in parts, the same however many threads there are, and summed up either way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np

from kernfit.arrays import Array
from kernfit.correlate.lags import panels, spectra
from kernfit.correlate.lags.tile import LagTile, Room
from kernfit.correlate.threads import for_strips

Pair = tuple[int, int]
Load = Callable[[tuple[slice, slice], Room], LagTile]

# So many parts at most, each of so many tiles at least, their spectra of so many bytes.
_MOST_PARTS, _LEAST_TILES, _SPECTRA_BYTES = 16, 6, 32 << 20
# To wake a thread takes longer than to sum up so many bytes.
_ALONE_BYTES = 4 << 20


class Parts(ABC):
    """Tiles that are summed up in parts; see `kernfit.correlate.lags.sums.lag_sums`.

    Parameters
    ----------
    load, lags, firsts, seens
        Those of `lag_sums`.
    tiles : sequence of (slice, slice)
        Rows and columns of each.
    """

    def __init__(
        self,
        load: Load,
        tiles: Sequence[tuple[slice, slice]],
        lags: Pair,
        firsts: Sequence[int],
        seens: int,
    ) -> None:
        self.load, self.tiles, self.lags, self.firsts, self.seens = load, tiles, lags, firsts, seens
        count, together = self.shares()
        rounds = -(-len(tiles) // together)
        self._edges = [together * (rounds * n // count) for n in range(count + 1)]
        self._asides: list[list[Array]] = [[] for _ in range(count)]
        self._free: list[tuple[Room, spectra.Scratch | None]] = []  # from parts that are done
        self.sums = self.room_for_sums(count)

    @abstractmethod
    def shares(self) -> Pair:
        """Return how many parts there are, and how many tiles stay together."""

    @abstractmethod
    def room_for_sums(self, count: int) -> Array:
        """Return memory for the sums of so many parts."""

    @abstractmethod
    def scratch(self) -> spectra.Scratch | None:
        """Return what a thread needs besides memory for tiles."""

    @abstractmethod
    def add(self, n: int) -> None:
        """Sum up a part."""

    @abstractmethod
    def total(self, threads: int) -> Array:
        """Return the lag products of all parts."""

    @property
    def tasks(self) -> list[Callable[[], None]]:
        """To be called once each, in any order, by any thread."""
        return [partial(self.add, n) for n in range(len(self._asides))]

    @property
    def asides(self) -> list[Array]:
        """What each of the tiles told besides."""
        return [aside for kept in self._asides for aside in kept]

    @contextmanager
    def memory(self) -> Iterator[tuple[Room, spectra.Scratch | None]]:
        """Give memory for tiles, and what `scratch` does, used by one part at a time."""
        try:
            kept = self._free.pop()
        except IndexError:
            kept = Room(), self.scratch()
        yield kept
        self._free.append(kept)

    def loaded(self, n: int, room: Room) -> Iterator[LagTile]:
        """Give the tiles of a part, of which two at a time are kept."""
        for at in self.tiles[self._edges[n] : self._edges[n + 1]]:
            tile = self.load(at, room)
            self._asides[n].append(tile.aside)
            yield tile


class PanelParts(Parts):
    """Lag products one by one."""

    def shares(self) -> Pair:
        """Let tiles differ in work as they may: there are many parts."""
        return min(4 * _MOST_PARTS, len(self.tiles)), 1

    def room_for_sums(self, count: int) -> Array:
        """Return the lag products of each part."""
        return np.zeros((count, len(self.firsts), self.seens, *self.lags))

    def scratch(self) -> None:
        """Return nothing."""

    def add(self, n: int) -> None:
        """Sum up a part."""
        with self.memory() as (room, _):
            for tile in self.loaded(n, room):
                self.sums[n] += panels.panel_products(tile, *self.lags, self.firsts)

    def total(self, threads: int) -> Array:
        """Return the sum of all parts."""
        found: Array = self.sums.sum(axis=0)
        return found


class SpectralParts(Parts):
    """Lag products through the Fourier transform.

    Parameters
    ----------
    transform : (rows, columns)
    *others
        As for `Parts`.
    """

    def __init__(
        self,
        transform: Pair,
        load: Load,
        tiles: Sequence[tuple[slice, slice]],
        lags: Pair,
        firsts: Sequence[int],
        seens: int,
    ) -> None:
        self.transform = transform
        super().__init__(load, tiles, lags, firsts, seens)

    def shares(self) -> Pair:
        """Have room for the spectra of all parts; two tiles go through one transform."""
        each = spectra.spectra_bytes(self.transform, len(self.firsts), self.seens)
        count = min(_MOST_PARTS, len(self.tiles) // _LEAST_TILES, _SPECTRA_BYTES // each)
        return max(1, count), 2

    def room_for_sums(self, count: int) -> Array:
        """Return memory for the spectra of each part."""
        planes = self.transform, len(self.firsts), self.seens
        return spectra.room_for_spectra(*planes, count)

    def scratch(self) -> spectra.Scratch:
        """Return what tiles are transformed with."""
        return spectra.Scratch(self.transform, self.seens)

    def add(self, n: int) -> None:
        """Sum up the spectra of a part."""
        with self.memory() as (room, scratch):
            assert scratch is not None
            spectra.sum_spectra(self.loaded(n, room), scratch, self.sums[n])

    def total(self, threads: int) -> Array:
        """Return what the sum of all spectra transforms back to."""
        by_place = self.sums.reshape(len(self.sums), -1, *self.sums.shape[-2:])
        total: Array = np.empty(by_place.shape[1:])

        def work(begin: int, end: int) -> None:
            # Each number in the same order as from one thread.
            by_place[:, begin:end].sum(axis=0, out=total[begin:end])

        for_strips(work, len(total), threads if self.sums.nbytes > _ALONE_BYTES else 1)
        total = total.reshape(self.sums.shape[1:])
        return spectra.lags_of(total, self.transform, self.lags, self.firsts)

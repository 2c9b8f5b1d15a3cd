"""The search for a chain: longer ones from shorter ones, decided by blocks that were held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from kernfit.edits.families import grown, kinds
from kernfit.edits.neighbours import Neighbours
from kernfit.edits.parts import BLOCKS, Levels
from kernfit.edits.refine import forms_of
from kernfit.edits.solve import Part, Polished, polish, predict
from kernfit.edits.stage import Stage, Task
from kernfit.edits.where import Where
from kernfit.learning.misfits.lossy import compressed

Chain = tuple[Stage, ...]
_PIXELWISE = ("colour", "curve", "hue")
_MIXED = 0.9  # of the light a kernel must leave less than this share
_CELLS = 8  # times as many pixels where cells are compared, which have 256 each

_FEW, _SOME, _MANY = 2500, 9000, 40000  # pixels to try, to compare, to finish
_KEPT = 2  # chains that are made longer
_DEPTH = 4  # stages at most, clips and the two of light counted as none
_BEHIND = 1.6  # chains that leave so many times the best are not made longer
_CLEAR = 0.95  # a longer chain must leave less than this share
_NEAR = 0.8  # 8-bit levels: more than this and the last resorts are asked
_GAINS = 6  # numbers of gains and offsets; matrices have more
_RESORT = 0.8  # a last resort must leave less than this share
_SAME = 1.01  # a simpler form may leave this share
_BETTER, _IDLE = 0.995, 2  # in a series: a form must do that well, or so many are the last
_NEARLY = 2.5  # times what rounding leaves: cutting off instead may be all
_WORK = 4e9  # about 15 s of one core
_FLOOR = 1.09  # times what rounding leaves: nothing is left to find


@dataclass(frozen=True, eq=False)
class Found:
    """A chain that was tried, and how it did.

    Attributes
    ----------
    polished : Polished
    down : bool
        Whether levels are cut off instead of rounded.
    cells : float or None
        Of an image that was saved as JPEG, what is left of the means of its cells.
    """

    polished: Polished
    down: bool = False
    cells: float | None = None

    @property
    def chain(self) -> Chain:
        """The stages."""
        return self.polished.chain

    @property
    def held_out(self) -> float:
        """Root mean square in blocks that were held out, white being 1."""
        return self.polished.held_out


class Search:
    """The search over one pair.

    Parameters
    ----------
    levels : Levels
        The pair.
    names : sequence of str
        Which families may be asked.
    told : callable
        Called with a few words on what is tried.
    """

    def __init__(
        self, levels: Levels, names: Sequence[str], told: Callable[[str], None] = lambda _: None
    ) -> None:
        self.levels = levels
        self.names = tuple(names)
        self.told = told
        self.floor = levels.step / np.sqrt(12.0)
        self.work = 0.0
        half = levels.step / 2
        # Levels that were cut off lie half a level too low.
        self.lifted = replace(levels, after=np.where(levels.after < 1.0, levels.after + half, 1.0))

    def try_chain(self, chain: Chain, count: int, *, down: bool = False, steps: int = 5) -> Found:
        """Polish a chain on about so many pixels."""
        parts = self.parts(chain, count, down=down)
        self.work += sum(_work(chain, part) for part in parts) * steps
        return Found(polish(chain, parts, BLOCKS, steps=steps), down)

    def parts(self, chain: Chain, count: int, *, down: bool = False) -> list[Part]:
        """Return what a chain is polished on."""
        return (self.lifted if down else self.levels).parts_for(chain, count)

    @property
    def tired(self) -> bool:
        """Whether so much was tried that no more is worth its time."""
        return self.work > _WORK

    def at_floor(self, held_out: float) -> bool:
        """Say whether rounding is all that is left."""
        return bool(held_out <= self.floor * _FLOOR)

    def nearly(self, held_out: float) -> bool:
        """Say whether another rounding may be all that is missing."""
        return bool(self.floor * _FLOOR < held_out < self.floor * _NEARLY)

    def best(self) -> Found:
        """Return the best chain, in its simplest form."""
        if self._lossy():
            found = self._by_cells()
            if found is not None:
                return found
        found = self._finished(self._refined(self.structure))
        # Matrices with free curves between them fit all colours that this picture shows, and go
        # wild on those of others, where a table stays smooth.
        matrices = [s for s in found.chain if s.kind == "colour" and len(s.numbers) > _GAINS]
        wild = len(matrices) > 1 and all(stage.pointwise for stage in found.chain)
        if found.held_out < _NEAR / 255 and not wild:
            return found
        last = self._longer((), found.held_out, set(), last_resort=True)
        last = [self.try_chain(f.chain, _MANY, steps=2) for f in last]
        least = _NEAR / 255 if wild else 0.0
        good = [f for f in last if f.held_out < max(least, _RESORT * found.held_out)]
        return min(good or [found], key=lambda f: f.held_out)

    def _lossy(self) -> bool:
        """Say whether the after image was saved as JPEG."""
        levels = self.levels
        if not (levels.step and levels.same_size):
            return False
        return compressed(levels.after.mean(axis=0) * 255, levels.before.mean(axis=0) * 255)

    def _by_cells(self) -> Found | None:
        """Return the best chain of stages that look at no neighbours, by the means of cells.

        JPEG leaves those as they were, but for little; colours of single pixels it draws towards
        each other, and least squares on them towards grey. None if neighbours were mixed, as the
        light shows, which JPEG keeps better.
        """
        search = _CellSearch(self.levels, [n for n in self.names if n in _PIXELWISE], self.told)
        found = search.best()
        mixed = Neighbours.at_rest((5, 5), unit=True)
        mixed_chain = self.try_chain((*found.chain, mixed), _SOME).chain
        if self._left_of_light(mixed_chain) < _MIXED * self._left_of_light(found.chain):
            return None
        here = polish(found.chain, self.parts(found.chain, _MANY), BLOCKS, steps=0)
        return Found(here, cells=found.held_out)

    def _left_of_light(self, chain: Chain) -> float:
        """Return what a chain leaves of the mean of the channels."""
        part = self.levels.whole.thinned(_MANY)
        left = part.after[:, part.rows, part.columns] - np.clip(predict(chain, part), 0, 1)
        return float(np.sqrt(np.mean(left.mean(axis=0) ** 2)))

    def pixelwise(self) -> Found | None:
        """Return one stage that looks at pixels alone, if rounding is all that it leaves.

        A fast answer to ask for first. None as well where all channels are but scaled alike, which
        a kernel of one tap does.
        """
        scaled = self.try_chain((Neighbours.at_rest((1, 1)),), _FEW, steps=4)
        if not self.levels.step or self.at_floor(scaled.held_out):
            return None
        for _, chain in grown(self._task((), 1.0), _PIXELWISE, last_resort=False):
            found = self.try_chain(chain, _FEW, steps=6)
            if self.at_floor(found.held_out):
                return self._finished(self._refined(found))
        return None

    def _task(self, chain: Chain, rest: float) -> Task:
        levels = self.levels
        where = Where.whole(*levels.before.shape[1:])
        return Task(levels.before, levels.after, levels.used, where, rest, levels.step, chain)

    @cached_property
    def structure(self) -> Found:
        """The best chain: which stages there are, and in what order."""
        best = self._start
        kept = [] if best is None else [best]
        seen: set[tuple[str, ...]] = set()
        for depth in range(_DEPTH):
            made = list(self._single) if depth == 0 else []
            for found in kept if depth and not self.tired else ():
                made += self._longer(found.chain, found.held_out, seen, down=found.down)
                if made and self.at_floor(min(f.held_out for f in made)):
                    break
            made.sort(key=lambda f: f.held_out)
            made = _different(made)
            again = [self.try_chain(f.chain, _SOME, steps=6, down=f.down) for f in made]
            again.sort(key=lambda f: f.held_out)
            if not again:
                break
            if best is not None and again[0].held_out > _CLEAR * best.held_out:
                break
            best, kept = again[0], _different(again)
            self.told(f"{depth + 1}: {' '.join(kinds(best.chain))} leaves {best.held_out:.5f}")
            if self.at_floor(best.held_out):
                break
        assert best is not None
        return best

    @property
    def left_by_one(self) -> float:
        """What the best single stage leaves in blocks that were held out, on few pixels."""
        first = [] if self._start is None else [self._start]
        return min((f.held_out for f in [*first, *self._single]), default=np.inf)

    @cached_property
    def _single(self) -> list[Found]:
        """All stages by themselves."""
        return self._longer((), 1.0, set())

    @cached_property
    def _start(self) -> Found | None:
        """The picture as it is, where it can be compared."""
        if self.levels.before.shape != self.levels.after.shape:
            return None
        return self.try_chain((), _SOME)

    def _longer(
        self,
        chain: Chain,
        rest: float,
        seen: set[tuple[str, ...]],
        *,
        down: bool = False,
        last_resort: bool = False,
    ) -> list[Found]:
        made = []
        for _, longer in grown(self._task(chain, rest), self.names, last_resort=last_resort):
            name = (*kinds(longer), *(stage.mark for stage in longer))
            if name in seen:
                continue
            seen.add(name)
            found = self.try_chain(longer, _FEW, steps=4, down=down)
            if not down and self.nearly(found.held_out):
                found = self._either(found, _FEW)
            if np.isfinite(found.held_out):
                made.append(found)
                if self.at_floor(found.held_out):
                    break  # simple ones come first
            if self.tired:
                break
        return made

    def _refined(self, found: Found) -> Found:
        """Return the chain with each stage in the simplest form that does as well."""
        best = self.try_chain(found.chain, _SOME, steps=8)
        for _ in range(2):
            before = best
            best = self._rounded(best)
            # The stages of most numbers first: with them simple, the others cost little.
            sizes = [(stage.pointwise, -len(stage.numbers)) for stage in best.chain]
            for place in sorted(range(len(sizes)), key=sizes.__getitem__):
                best = self._other_forms(best, place)
            if len(best.chain) == 1 or best.chain == before.chain:
                break  # of a single stage all forms were seen
        return best

    def _rounded(self, best: Found) -> Found:
        """Ask whether the program cuts levels off instead of rounding them."""
        if not self.levels.step or self.at_floor(best.held_out):
            return best
        return self._either(best, _SOME)

    def _either(self, found: Found, count: int) -> Found:
        """Return a chain with that rounding, nearest or down, which leaves less."""
        other = self.try_chain(found.chain, count, down=not found.down)
        return other if other.held_out < 0.99 * found.held_out else found

    def _other_forms(self, best: Found, place: int) -> Found:
        tried: list[Found] = []
        for series in forms_of(best.chain[place], best.chain):
            if self.work > 2 * _WORK:
                break
            least, idle = np.inf, 0
            for form in series:
                chain = (*best.chain[:place], form, *best.chain[place + 1 :])
                many = len(form.numbers) > 60
                count = _SOME * 2 if many else _SOME
                found = self.try_chain(chain, count, down=best.down, steps=8)
                if np.isfinite(found.held_out):
                    tried.append(found)
                # What does no better than one that can do less, larger ones will not either.
                idle = 0 if found.held_out < _BETTER * least else idle + 1
                least = min(least, found.held_out)
                if idle == _IDLE or self.at_floor(least):
                    break
            last = tried[-1] if tried else best
            if self.at_floor(last.held_out) and last.polished.cost <= best.polished.cost:
                break  # the simplest form comes first
        least = min([best.held_out, *(f.held_out for f in tried)])
        good = [f for f in [best, *tried] if f.held_out <= _SAME * max(least, self.floor)]
        return min(good, key=lambda f: (f.polished.cost, f.held_out))

    def _finished(self, found: Found) -> Found:
        """Polish the chain on many pixels, and leave out what it does without."""
        best = self.try_chain(found.chain, _MANY, down=found.down, steps=8)
        for place in reversed(range(len(best.chain))):
            shorter = (*best.chain[:place], *best.chain[place + 1 :])
            if _half_of_light(best.chain, place) or not shorter:
                continue
            try:
                without = self.try_chain(shorter, _MANY, down=best.down, steps=6)
            except ValueError:  # channels or sizes no longer fit
                continue
            if without.held_out <= best.held_out / _CLEAR:
                best = without
        return best


class _CellSearch(Search):
    """The search where only the means of cells are compared."""

    def parts(self, chain: Chain, count: int, *, down: bool = False) -> list[Part]:
        """Return the cells, or as many as have some more pixels than asked for."""
        return [self.levels.cells.thinned(count * _CELLS)]

    def at_floor(self, held_out: float) -> bool:
        """Say that it is not known what is left."""
        return False

    def nearly(self, held_out: float) -> bool:
        """Say no: of a mean nobody sees how levels were rounded."""
        return False

    def _rounded(self, best: Found) -> Found:
        return best

    def _lossy(self) -> bool:
        return False


def _work(chain: Chain, part: Part) -> float:
    """Return about how much work one look at a part is, in numbers that are computed."""
    taps = sum(2.0 * sum(stage.reach) for stage in chain)
    planes = 1 + sum(len(stage.numbers) for stage in chain)
    area = 0 if all(stage.pointwise for stage in chain) else part.before.size
    return float(area * (planes + taps) / 4 + len(part) * planes**2)


def _different(found: list[Found]) -> list[Found]:
    """Return the best chains of different kinds, without those that are far behind."""
    made: dict[tuple[str, ...], Found] = {}
    for one in found:
        if one.held_out < _BEHIND * found[0].held_out:
            made.setdefault(tuple(kinds(one.chain)), one)
    return [*made.values()][:_KEPT]


def _half_of_light(chain: Chain, place: int) -> bool:
    return "light" in kinds(chain)[place]

"""How a fit shows itself: figures, a page for the browser, sentences, a record."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from kernfit.arrays import taps_between
from kernfit.learning.certainty.undetermined import simplest_combinations
from kernfit.report.answer import Answer

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Shown:
    """What `Fit` has for being looked at; it asks no more of it than a report does."""

    def plot_undetermined(self: Answer, *, most: int = 6) -> list[Axes]:
        """Draw up to so many of the `undetermined` and `weak` combinations, side by side.

        Parameters
        ----------
        most : int, default 6

        Returns
        -------
        list of matplotlib Axes
            Empty where there are none.

        Examples
        --------
        >>> import numpy as np
        >>> from kernfit import learn
        >>> stripes = np.random.default_rng(1).normal(size=(1, 60)) * np.ones((60, 1))
        >>> len(learn(stripes, stripes, shape=(2, 1)).plot_undetermined())
        1
        """
        from kernfit.plots.combinations import plot_combinations

        return plot_combinations(simplest_combinations(self.undetermined), self.weak, most)

    def plot(self: Answer, *, output: int = 0, source: int = 0, ax: Axes | None = None) -> Axes:
        r"""Draw the taps with their errors as a heat map, zero being white.

        Parameters
        ----------
        output, source : int, default 0
            Channels, of a kernel that mixes them.
        ax : matplotlib Axes, optional
            Where to draw. Default: a new figure, which is ``ax.figure`` of what is returned.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        InvalidInput
            If there is no such channel.

        Examples
        --------
        >>> from kernfit import learn, scene
        >>> x = scene((60, 80))
        >>> [text.get_text() for text in learn(x, x).plot().texts]
        ['1\n±0']
        """
        from kernfit.plots import plot_taps

        taps_between(self.kernel.weight.shape, output, source)
        errors = self.stderr.reshape(self.kernel.weight.shape)[output, source]
        return plot_taps(self.kernel.weight[output, source], errors, ax=ax)

    def report(
        self: Answer,
        path: str | os.PathLike[str],
        before: ArrayLike | None = None,
        after: ArrayLike | None = None,
        *,
        clip: Sequence[float] | None = None,
        clip_before: Sequence[float] | None = None,
        mask: ArrayLike | None = None,
        title: str = "",
        notes: Sequence[str] = (),
    ) -> None:
        """Write the answer as one page for the browser, which needs nothing else.

        Verdict, images side by side, kernel, frequency response, residual, what cannot be told,
        and how to use the kernel in other programs.

        Parameters
        ----------
        path : path-like
            Ends in .html. An existing file is replaced once the new one is whole.
        before, after, clip, clip_before, mask
            As they were given to `learn`, in linear light if it learnt there. Without the images
            the page has no pictures.
        title : str
            Put above.
        notes : sequence of str
            To be said beside the figures.

        Raises
        ------
        InvalidInput
            If these are not the images that were learnt from, or the suffix is another.
        RefusedFile
            If the file cannot be written.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> from kernfit import learn, scene
        >>> x = scene((60, 80))
        >>> page = pathlib.Path(tempfile.mkdtemp()) / "page.html"
        >>> learn(x, x).report(page, x, x, title="Nothing was done")
        >>> "<h1>Nothing was done</h1>" in page.read_text(encoding="utf-8")
        True
        """
        from kernfit.learning.answers.scenes import views_for
        from kernfit.report import write_report

        given = {"clip": clip, "clip_before": clip_before, "mask": mask}
        scene, views = views_for(self, before, after, **given)
        write_report(self, path, scene, views=views, title=title, notes=list(notes))

    def sentences(self: Answer) -> list[str]:
        """Return the answer in a few sentences: what, how sure, the verdict, what it is called.

        Returns
        -------
        list of str

        Examples
        --------
        >>> from kernfit import learn, scene
        >>> x = scene((60, 80))
        >>> learn(x, 2 * x.astype(int)).sentences()[-1]
        'It is identity times 2: (2).'
        """
        from kernfit.learning.answers.words import in_sentences

        return in_sentences(self)

    def to_dict(self: Answer) -> dict[str, Any]:
        """Return the whole answer as plain numbers, lists and strings; NaN becomes None.

        Returns
        -------
        dict
            With the attributes' names as keys. ``held_out`` is a list of records: ``shape``,
            (rows, columns) as a list, and ``residual_rms``.

        Examples
        --------
        >>> from kernfit import learn, scene
        >>> x = scene((60, 80))
        >>> record = learn(x, 2 * x.astype(int)).to_dict()
        >>> record["kernel"]["weight"], record["status"]["code"]
        ([[[[2.0]]]], 'good')
        """
        from kernfit.learning.answers.words import as_record

        return as_record(self)

    def __repr__(self: Answer) -> str:
        from kernfit.learning.answers.words import as_text

        return as_text(self)

    def _repr_html_(self: Answer) -> str:
        from kernfit.learning.answers.words import as_html

        return as_html(self)

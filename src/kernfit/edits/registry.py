"""All stages, by the word that stands in files."""

from __future__ import annotations

from kernfit.edits.clip import Clip
from kernfit.edits.colour import Colour
from kernfit.edits.curve import Curve
from kernfit.edits.detail import Detail
from kernfit.edits.gain import GainField
from kernfit.edits.hue import Hue
from kernfit.edits.look import Look
from kernfit.edits.neighbours import Gaussian, Neighbours
from kernfit.edits.place import Place
from kernfit.edits.stage import Stage
from kernfit.edits.tone import Tone

STAGES: dict[str, type[Stage]] = {
    stage.kind: stage
    for stage in (
        Place,
        Clip,
        Colour,
        Curve,
        Detail,
        GainField,
        Gaussian,
        Hue,
        Look,
        Neighbours,
        Tone,
    )
}

"""All stages, by the word that stands in files."""

from __future__ import annotations

from kernfit.edits.clip import Clip
from kernfit.edits.colour import Colour
from kernfit.edits.curve import Curve
from kernfit.edits.gain import GainField
from kernfit.edits.neighbours import Gaussian, Neighbours
from kernfit.edits.stage import Stage
from kernfit.edits.tone import Tone

STAGES: dict[str, type[Stage]] = {
    stage.kind: stage for stage in (Clip, Colour, Curve, GainField, Gaussian, Neighbours, Tone)
}

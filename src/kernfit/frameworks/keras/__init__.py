"""Keras 3 models, of any backend: read, run, and measured."""

from __future__ import annotations

import sys
from typing import Any

from kernfit.frameworks.framework import Framework
from kernfit.frameworks.keras.read import read_keras
from kernfit.frameworks.keras.run import keras_runner
from kernfit.frameworks.keras.twin import keras_twin


def _owns(model: Any) -> bool:
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(model, keras.Model)


KERAS = Framework("keras", _owns, read_keras, keras_runner, keras_twin)

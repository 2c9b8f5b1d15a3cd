"""What the workers can do: plain functions of files, numbers and lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernfit.lab.jobs.answers import edges
from kernfit.lab.jobs.images import built_in, decode
from kernfit.lab.jobs.solving import learn
from kernfit.lab.jobs.warm import warm_up
from kernfit.lab.jobs.windows import see

__all__ = ["JOBS"]

JOBS: dict[str, Callable[..., Any]] = {
    function.__name__: function for function in (built_in, decode, edges, learn, see, warm_up)
}

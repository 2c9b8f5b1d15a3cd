"""What a report asks of a result; `kernfit.Fit` has it all."""

from __future__ import annotations

from typing import Any, Protocol

from kernfit.arrays import Array
from kernfit.frequencies import FrequencyResponse
from kernfit.kernel import Kernel


class Judged(Protocol):
    """What every fit says of itself, of one kernel or of one that varies."""

    @property
    def residual_rms(self) -> float: ...  # noqa: D102
    @property
    def residual_floor(self) -> float: ...  # noqa: D102
    @property
    def r2(self) -> float: ...  # noqa: D102
    @property
    def used(self) -> int: ...  # noqa: D102
    @property
    def left_out(self) -> dict[str, int]: ...  # noqa: D102
    @property
    def status(self) -> Any: ...  # noqa: D102
    @property
    def held_out(self) -> dict[tuple[int, int], float]: ...  # noqa: D102

    def sentences(self) -> list[str]: ...  # noqa: D102
    def to_dict(self) -> dict[str, Any]: ...  # noqa: D102


class Answer(Judged, Protocol):
    """A fit, seen from below: see `kernfit.Fit` for what everything means."""

    @property
    def kernel(self) -> Kernel: ...  # noqa: D102
    @property
    def stderr(self) -> Array: ...  # noqa: D102
    @property
    def bias_stderr(self) -> Array: ...  # noqa: D102
    @property
    def reproduced(self) -> int | None: ...  # noqa: D102
    @property
    def undetermined(self) -> Array: ...  # noqa: D102
    @property
    def weak(self) -> Array: ...  # noqa: D102
    @property
    def history(self) -> Any: ...  # noqa: D102
    @property
    def offset(self) -> tuple[int, int] | None: ...  # noqa: D102
    @property
    def chi2(self) -> float | None: ...  # noqa: D102
    @property
    def notes(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def moments(self) -> Any: ...  # noqa: D102

    def recognise(self) -> Any: ...  # noqa: D102
    def frequency_response(  # noqa: D102
        self, *, angle: float = ..., normalise: bool = ...
    ) -> FrequencyResponse: ...

"""How good `kernfit plan` is: predicted against measured processor time, at three sizes.

``python -m benchmarks.scale_plan``
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import zarr

from benchmarks.scale import KERNEL, make_before
from kernfit.scale.files import apply_file
from kernfit.scale.forecast import forecast_apply, forecast_learn
from kernfit.scale.learning import learn_files
from kernfit.scale.workers import local_workers

OPTIONS = {"mode": "same", "boundary": "edge", "overflow": "saturate"}


def main() -> None:
    for side in (2048, 4096, 8192):
        with tempfile.TemporaryDirectory() as name, local_workers(1) as workers:
            before, after = Path(name) / "before.zarr", Path(name) / "after.zarr"
            make_before(before, side)
            kind = np.dtype("uint16")
            plan = forecast_apply(KERNEL, (side, side), kind, result=kind, **OPTIONS)
            kernel = KERNEL + 0.9 * (KERNEL.max() == KERNEL)
            start = time.process_time()
            apply_file(
                kernel, before, after, workers=workers, memory=10**9, dtype="uint16", **OPTIONS
            )
            say("apply", side, plan.seconds, time.process_time() - start)
            plan = forecast_learn((side, side), kind, KERNEL.shape)
            assert plan.rounded is not None
            start = time.process_time()
            learn_files(before, after, workers=workers, memory=10**9, shape=7)
            say("learn, rounding", side, plan.rounded, time.process_time() - start)
            noisy = zarr.open_array(str(after), mode="r+")
            noise = np.random.default_rng(0).normal(size=(side, side)) * 100
            noisy[:] = np.clip(noisy[:] + noise, 0, 65535).astype(kind)
            start = time.process_time()
            learn_files(before, after, workers=workers, memory=10**9, shape=7)
            say("learn, noise", side, plan.seconds, time.process_time() - start)


def say(what: str, side: int, predicted: tuple[float, float], measured: float) -> None:
    low, high = predicted
    print(
        f"{what} {side:6} x {side:<6} predicted {low:6.2f} to {high:6.2f} s, took {measured:6.2f} s"
    )


if __name__ == "__main__":
    main()

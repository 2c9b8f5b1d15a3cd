"""What a call costs besides the work: overhead, the first call of a process, memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.timing import Call, interleave
from kernfit import correlate2d
from kernfit.correlate import make_plan

# In a process of its own: the time from the first import to the first result.
_FIRST = """
import json, time
start = time.perf_counter()
import numpy as np
numpy = time.perf_counter()
import kernfit
image, taps = np.ones((64, 64), "{dtype}"), np.ones((3, 3), "{taps}")
kernfit.correlate2d(image, taps)
first = time.perf_counter()
kernfit.correlate2d(image, taps)
print(json.dumps([numpy - start, first - numpy, time.perf_counter() - first]))
"""
# The most memory that arrays of one call take beyond the image and the result, in MiB.
_MEMORY = """
import tracemalloc
import numpy as np, kernfit
image, taps = np.ones(({side}, {side}), "{dtype}"), np.random.rand({kernel}, {kernel})
taps = taps.astype(image.dtype)
options = dict(mode="same", threads={threads})
out = kernfit.correlate2d(image, taps, **options)  # what is compiled or kept is no scratch
tracemalloc.start()
kernfit.correlate2d(image, taps, out=out, **options)
print(tracemalloc.get_traced_memory()[1] / 2**20)
"""
# What a first day meets: the demo, what the README begins with, and each dtype with a small kernel,
# a large one, and a layer; one line of names and processor times, measured one after another.
_COMPILE = """
import contextlib, io, json, time
times, last = {}, time.process_time()
def done(name):
    global last
    times[name], last = time.process_time() - last, time.process_time()
import numpy as np, kernfit
kernfit.correlate2d, kernfit.learn
done("import")
rng = np.random.default_rng(0)
before = kernfit.scene()
after = kernfit.correlate2d(before, [[0, -1, 0], [-1, 5, -1], [0, -1, 0]], mode="same")
kernfit.learn(before, after)
done("learn")
from kernfit.cli.app import app
with contextlib.redirect_stdout(io.StringIO()):
    app(["demo"], standalone_mode=False)
done("demo")
for dtype in "float32", "float64", "uint8", "uint16", "int16", "int64":
    image = rng.integers(0, 100, (300, 300)).astype(dtype)
    for side in 3, 31:
        taps = rng.integers(-9, 9, (side, side)).astype(dtype)
        kernfit.correlate2d(image, taps.tolist() if image.dtype.kind in "iu" else taps)
        done(f"{dtype} {side}x{side}")
for dtype in "float32", "float64":
    kernfit.conv2d(rng.random((3, 64, 64)).astype(dtype), rng.random((8, 3, 3, 3)).astype(dtype))
    done(f"{dtype} layer")
print(json.dumps(times))
"""


def jobs(filters: list[str], **limits: float) -> Iterator[tuple[str, Any]]:
    """Yield each measurement with its name."""
    measurements = {
        "small-overhead": _overhead,
        "small-first": _first_call,
        "small-compile": _compile,
        "small-memory": _memory,
    }
    for name, measure in measurements.items():
        if not filters or name in filters:
            yield name, partial(measure, **limits)


def _overhead(rounds: int, seconds: float, patience: float) -> dict[str, Any]:
    image = np.random.default_rng(0).random((64, 64), np.float32)
    taps = np.arange(9, dtype=np.float32).reshape(3, 3)
    out = np.empty((62, 62), np.float32)
    plan = make_plan(image.shape, image.dtype, taps)
    calls = {
        "correlate2d, valid": Call(lambda: correlate2d(image, taps)),
        "correlate2d, valid, out=": Call(lambda: correlate2d(image, taps, out=out)),
        "correlate2d, same": Call(lambda: correlate2d(image, taps, mode="same")),
        "correlate2d, list of taps": Call(lambda: correlate2d(image, [[1, 2], [3, 4]])),
        "a plan made before": Call(lambda: plan(image)),
    }
    try:
        cv2 = import_module("cv2")
        cv2.setNumThreads(1)
        calls["cv2.filter2D"] = Call(lambda: cv2.filter2D(image, -1, taps))
    except ImportError:
        pass
    for call in calls.values():
        call.run()  # what is compiled or imported at first use is not overhead
    return {"times": interleave(calls, rounds=4 * rounds, seconds=seconds)}


def _first_call(rounds: int, seconds: float, patience: float) -> dict[str, Any]:
    times = {}
    with tempfile.TemporaryDirectory() as cache:
        for dtype, taps in (("float32", "float32"), ("uint8", "int64")):
            script = _FIRST.format(dtype=dtype, taps=taps)
            cold = _python(script, NUMBA_CACHE_DIR=cache)
            warm = [_python(script, NUMBA_CACHE_DIR=cache) for _ in range(5)]
            times[f"{dtype}, ever (compiles)"] = _one(cold[1])
            times[f"{dtype}, of a process"] = _one(min(w[1] for w in warm))
            times["import numpy"] = _one(min(w[0] for w in warm))
    return {"times": times}


def _compile(rounds: int, seconds: float, patience: float) -> dict[str, Any]:
    """Return the processor time of compiling: with an empty cache, less that with a full one."""
    with tempfile.TemporaryDirectory() as cache:
        cold, *warm = (_python(_COMPILE, NUMBA_CACHE_DIR=cache) for _ in range(3))
    spent = {what: max(cold[what] - min(w[what] for w in warm), 0) for what in cold}
    times = {f"compile: {what}": _one(each) for what, each in spent.items()}
    return {"times": times | {"compile: in all": _one(sum(spent.values()))}}


def _memory(rounds: int, seconds: float, patience: float) -> dict[str, Any]:
    mebibytes = {}
    for side, kernel, dtype, threads in (
        (4096, 3, "float32", 2),
        (4096, 31, "float64", 1),
        (4096, 31, "float64", 2),
        (4096, 127, "float32", 2),
        (3000, 700, "float64", 2),
    ):
        script = _MEMORY.format(side=side, kernel=kernel, dtype=dtype, threads=threads)
        name = f"{kernel}x{kernel} on {side}x{side} {dtype}, {threads} threads"
        mebibytes[name] = _python(script)
    return {"times": {}, "mebibytes": mebibytes}


def _one(seconds: float) -> dict[str, float]:
    return {"best": seconds, "median": seconds, "cpu": seconds, "samples": 1}


def _python(script: str, **environment: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)

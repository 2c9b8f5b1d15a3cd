"""Learning a kernel from a pair: kernfit against a training loop, and against copying the pair."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.timing import Call, interleave
from kernfit import Statistics, correlate2d, learn

STEPS = 10


def jobs(filters: list[str], **limits: float) -> Iterator[tuple[str, Any]]:
    """Yield each measurement with its name."""
    cells = [
        (4096, 3, 1),
        (4096, 11, 1),
        (4096, 11, 2),
        (4096, 31, 1),
        (2048, 11, 1),
        (1024, 11, 1),
    ]
    for side, kernel, threads in cells:
        name = f"learn-{side}-k{kernel}-t{threads}"
        if not filters or any(set(f.split("-")) <= set(name.split("-")) for f in filters):
            yield name, partial(_measure, side, kernel, threads, **limits)


def _measure(
    side: int, kernel: int, threads: int, *, rounds: int, seconds: float, patience: float
) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((side, side), np.float32)
    taps = rng.standard_normal((kernel, kernel)).astype(np.float32)
    y = correlate2d(x, taps)
    sums = Statistics.of(x, y, kernel, threads=threads)
    found = sums.solve().weights[:-1, 0].reshape(taps.shape)
    # Sums of squares: half the digits of the pixels would do, but more are there.
    if not np.allclose(found, taps, atol=1e-4):
        raise AssertionError(f"learnt something else: off by {np.abs(found - taps).max():.1e}")
    rate = 0.5 / x.size
    calls = {
        "copy both images": Call(lambda: (x.copy(), y.copy())),
        "kernfit statistics": Call(lambda: Statistics.of(x, y, kernel, threads=threads)),
        f"kernfit {STEPS} steps": Call(
            lambda: Statistics.of(x, y, kernel, threads=threads).descend(rate, STEPS)
        ),
        "kernfit learn": Call(lambda: learn(x, y, shape=kernel, threads=threads)),
    }
    learn(x[:256, :256], y[: 257 - kernel, : 257 - kernel], shape=kernel)  # warms up
    left_out = {}
    with threadpool_limits(threads):
        try:
            calls |= _torch(x, y, kernel, threads, rate, patience, left_out)
        except ImportError:
            left_out["torch"] = "not installed"
        times = interleave(calls, rounds=rounds, seconds=2 * seconds)
    return {"times": times, "left_out": left_out}


def torch_loop(
    x: np.ndarray, y: np.ndarray, kernel: int, threads: int, rate: float
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return one forward pass, and `STEPS` steps of training on the sum of squared errors."""
    torch = import_module("torch")
    torch.set_num_threads(threads)
    image, target = torch.from_numpy(x)[None, None], torch.from_numpy(y)[None, None]
    conv2d = torch.nn.functional.conv2d

    def forward() -> Any:
        with torch.inference_mode():
            return conv2d(image, torch.zeros(1, 1, kernel, kernel))

    def train() -> Any:
        taps = torch.zeros(1, 1, kernel, kernel, requires_grad=True)
        bias = torch.zeros(1, requires_grad=True)
        for _ in range(STEPS):
            loss = ((conv2d(image, taps, bias) - target) ** 2).sum()
            steps = torch.autograd.grad(loss, (taps, bias))
            with torch.no_grad():
                taps -= rate * steps[0]
                bias -= rate * steps[1]
        return taps.detach()

    return forward, train


def _torch(
    x: np.ndarray,
    y: np.ndarray,
    kernel: int,
    threads: int,
    rate: float,
    patience: float,
    left_out: dict[str, str],
) -> dict[str, Call]:
    forward, train = torch_loop(x, y, kernel, threads, rate)
    # A loop runs forward and, at about twice the cost, backward.
    foreseen = 1e-9 * x.size * (30 + 0.5 * kernel**2)
    calls = {}
    for name, call, cost in (
        ("torch, one forward pass", forward, foreseen),
        (f"torch, {STEPS} steps", train, 3 * STEPS * foreseen),
    ):
        if cost > 4 * patience:
            left_out[name] = f"about {cost:.0f} s"
        else:
            calls[name] = Call(call)
    if f"torch, {STEPS} steps" in calls and x.size <= 1 << 20:
        _same_path(train(), x, y, kernel, rate)
    return calls


def _same_path(taps: Any, x: np.ndarray, y: np.ndarray, kernel: int, rate: float) -> None:
    """Refuse to compare what does not arrive at the same taps."""
    ours = Statistics.of(x, y, kernel).descend(rate, STEPS).weights[-1][:-1, 0]
    if not np.allclose(ours, taps.numpy().ravel(), atol=1e-3):
        raise AssertionError("torch's descent and ours part ways")

"""kernfit on a graphics card, against what the card's own libraries offer.

``python -m benchmarks.devices [SIDE]``: `correlate2d` with kernels of the usual sizes on
SIDE x SIDE float32 (8192), against PyTorch's conv2d with cuDNN and without, and
cupyx.scipy.ndimage; then `learn` of 11 x 11 taps, against the same sums as patches times patches.
Each is the least of some runs, all of what was asked for done. A table in Markdown comes out, with
the card's name. Without a card it runs on the CPU, on a smaller image; libraries that are missing
are left out.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from kernfit import correlate2d, learn

CARD = torch.cuda.is_available()
DEVICE = torch.device("cuda" if CARD else "cpu")
SIDES = (3, 5, 7, 11, 15, 21, 31, 63)
RUNS = 10 if CARD else 3


def least(work: Callable[[], object]) -> float:
    """Return the least seconds of some runs."""
    work()
    times = []
    for _ in range(RUNS):
        wait()
        start = time.perf_counter() if CARD else time.process_time()
        work()
        wait()
        times.append((time.perf_counter() if CARD else time.process_time()) - start)
    return min(times)


def wait() -> None:
    if CARD:
        torch.cuda.synchronize()


def rivals(image: torch.Tensor, taps: np.ndarray) -> dict[str, Callable[[], object]]:
    """Return what else does the same, by name."""
    weight = torch.as_tensor(taps, dtype=torch.float32, device=DEVICE)[None, None]
    planes = image[None, None]

    def conv2d(cudnn: bool) -> object:
        with torch.backends.cudnn.flags(enabled=cudnn, benchmark=cudnn, allow_tf32=False):
            return torch.nn.functional.conv2d(planes, weight)

    found: dict[str, Callable[[], object]] = {"torch conv2d": lambda: conv2d(False)}
    if CARD:
        found["cuDNN"] = lambda: conv2d(True)
        try:
            import cupy
            from cupyx.scipy import ndimage
        except ImportError:
            pass
        else:
            there, kernel = cupy.from_dlpack(image), cupy.asarray(taps, "f4")
            found["cupyx.scipy.ndimage"] = lambda: ndimage.correlate(there, kernel)
    return found


def by_patches(before: torch.Tensor, after: torch.Tensor, side: int) -> Callable[[], Any]:
    """Return what makes the same sums from all patches, in float64, a band of rows at a time."""
    reach = side - 1

    def work() -> Any:
        total: Any = 0
        height = before.shape[0] - reach
        step = max(1, (1 << 25) // (side**2 * before.shape[1]))
        for top in range(0, height, step):
            bottom = min(top + step, height)
            band = before[top : bottom + reach].double()
            patches = torch.nn.functional.unfold(band[None, None], side)[0]
            inside = after[top + reach // 2 : bottom + reach // 2, reach // 2 : -(reach // 2)]
            rows = torch.cat([patches, inside.double().reshape(1, -1)])
            total = total + rows @ rows.T
        return total

    return work


def main(side: int = 8192 if CARD else 1024) -> None:
    rng = np.random.default_rng(0)
    image = torch.as_tensor(rng.random((side, side), np.float32), device=DEVICE)
    card = torch.cuda.get_device_name() if CARD else f"{platform.machine()} CPU"
    print(f"{card}, PyTorch {torch.__version__}, {side} x {side} float32\n")
    rows = []
    for taps in SIDES:
        kernel = rng.normal(size=(taps, taps))
        kernel /= np.abs(kernel).sum()
        times = {"kernfit": least(lambda: correlate2d(image, kernel.astype("f4")))}  # noqa: B023
        times |= {name: least(work) for name, work in rivals(image, kernel).items()}
        rows.append((taps, times))
    names = list(rows[0][1])
    print("| taps | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for taps, times in rows:
        cells = " | ".join(f"{times[name] * 1e3:.2f} ms" for name in names)
        print(f"| {taps}x{taps} | {cells} |")

    kernel = rng.normal(size=(11, 11)) / 30
    after = correlate2d(image, kernel.astype("f4"), mode="same")
    after = after + 0.01 * torch.randn_like(after)
    print(f"\nlearn, 11x11: {least(lambda: learn(image, after, shape=11)):.3f} s")
    print(f"the sums alone, from patches: {least(by_patches(image, after, 11)):.3f} s")


if __name__ == "__main__":
    main(*(int(number) for number in sys.argv[1:2]))

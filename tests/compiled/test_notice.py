"""The line that says why the first use ever takes seconds."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import numpy as np
import pytest
from numba.core.event import Event, EventStatus

from kernfit import Kernel, correlate2d
from kernfit.compiled.notice import Notice
from kernfit.correlate.lags.sums import lag_products


class Terminal(io.StringIO):
    def isatty(self):
        return True


def compiled(function, times=1):
    """What stands on stderr after the function was compiled so many times."""
    notice = Notice()
    data = {"dispatcher": SimpleNamespace(py_func=function)}
    for _ in range(times):
        notice.notify(Event("numba:compile", EventStatus.START, data))
        notice.notify(Event("numba:compile", EventStatus.END, data))
    return sys.stderr and sys.stderr.getvalue()


@pytest.mark.parametrize(
    ("stream", "function", "lines"),
    [
        (Terminal(), lag_products, ["kernfit: compiling for this processor, once (a few seconds)"]),
        (Terminal(), pytest.importorskip, []),  # not ours
        (io.StringIO(), lag_products, []),  # a file: nobody waits
    ],
)
def test_one_line_where_somebody_waits(monkeypatch, stream, function, lines):
    monkeypatch.setattr(sys, "stderr", stream)
    assert compiled(function, times=3).splitlines() == lines


def test_without_stderr(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert compiled(lag_products) is None


@pytest.mark.slow
def test_code_kept_by_different_processes_works_together(tmp_path):
    # Two functions with one name for the linker were once taken for each other.
    program = textwrap.dedent("""
        import sys
        import numpy as np
        from kernfit.correlate.direct.rows import correlate_planes, correlate_rows

        rng = np.random.default_rng(0)
        for dtype in sys.argv[1:]:
            images = rng.standard_normal((1, 20, 30)).astype(dtype)
            taps = rng.standard_normal((16, 5, 3)).astype(dtype)
            planes, rows = np.zeros((2, 16, 16, 28), dtype)
            correlate_planes(images, taps, planes)
            for one, out in zip(taps, rows):
                correlate_rows(images[0], one, out)
            direct = sum(
                images[:, a : a + 16, b : b + 28] * taps[:, a, b, None, None]
                for a in range(5) for b in range(3)
            )
            assert np.allclose(planes, direct, atol=1e-4)
            assert (planes == rows).all()
    """)
    for dtypes in (["f8"], ["f4", "f8"], ["f8", "f4"]):
        run = [sys.executable, "-c", program, *dtypes]
        subprocess.run(run, check=True, env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)})


def test_what_does_not_depend_on_the_dtype_compiles_once():
    from kernfit.correlate.direct.planes import correlate_planes
    from kernfit.correlate.direct.products import correlate_channels

    rng = np.random.default_rng(0)
    for dtype in ("f4", "f8", "u1", "i8"):
        image, taps = (rng.integers(0, 9, (size, size)).astype(dtype) for size in (20, 3))
        assert correlate2d(image, taps).shape == (18, 18)
    for dtype in ("f4", "f8"):
        x, weight = rng.random((2, 9, 9)).astype(dtype), rng.random((8, 2, 3, 3)).astype(dtype)
        correlate2d(x, Kernel(weight), method="channels")
    assert len(correlate_planes.signatures) == len(correlate_channels.signatures) == 1

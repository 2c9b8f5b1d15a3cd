"""The line that says why the first use ever takes seconds."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest
from numba.core.event import Event, EventStatus

from kernfit.correlate.compiling import Notice
from kernfit.correlate.lags import lag_products


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
        (Terminal(), lag_products, ["kernfit: compiling for this processor, once (about 10 s)"]),
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

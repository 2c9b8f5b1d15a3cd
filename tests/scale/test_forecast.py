"""Forecasts: they grow as the work does, and are of the right order."""

import time

import numpy as np
import pytest
from pictures import pair

from kernfit import learn
from kernfit.cli import main
from kernfit.scale.forecast import forecast_apply, forecast_learn

pytestmark = pytest.mark.slow


def test_a_forecast_of_learn_is_of_the_right_order():
    before, after = pair((1000, 1000), taps=(5, 5))
    learn(before, after, shape=5, threads=1)
    start = time.process_time()
    learn(before, after, shape=5, threads=1)
    spent = time.process_time() - start
    plan = forecast_learn((1000, 1000), np.uint8, (5, 5))
    assert plan.rounded[0] / 4 < spent < 4 * plan.rounded[1]
    assert plan.seconds[0] < plan.rounded[0]


def test_forecasts_grow_as_the_work_does():
    one = forecast_learn((9000, 9000), "float32", (5, 5))
    many = forecast_learn((9000, 9000), "float32", (5, 5), pairs=100, workers=50)
    assert many.read == 100 * one.read == 100 * 9000**2 * 8 * 2
    assert 50 < many.seconds[0] / one.seconds[0] < 200
    assert one.memory <= 10**9
    assert many.sent == 100 * one.sent
    apply = forecast_apply(np.ones((3, 3)), (4000, 5000), "uint8", result="float32")
    assert (apply.read, apply.written) == (20_000_000, 80_000_000)


def test_the_command_line(capsys):
    arguments = ["plan", "learn", "--size", "16000000x1000", "--shape", "3", "--workers", "10"]
    assert main([*arguments, "--pairs", "1000", "--memory", "1GB"]) == 0
    said = capsys.readouterr().out
    assert "learn 3x3 from 1,000 pairs of 16000000 x 1000 uint16" in said
    assert "on 10 workers" in said
    assert main(["plan", "apply", "sobel_x", "--size", "2000", "--workers", "1"]) == 0
    assert "8 MB read, 8 MB written" in capsys.readouterr().out
    assert main(["plan", "apply", "sobel_x", "--memory", "100MB"]) == 2
    assert "memory must be at least" in capsys.readouterr().err

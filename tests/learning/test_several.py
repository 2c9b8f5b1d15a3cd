"""Several pairs that share one kernel."""

import json

import numpy as np
import pytest

from kernfit import InvalidInput, Statistics, correlate2d, learn
from kernfit.cli import main
from kernfit.io.images import write_image
from kernfit.learning.answers.stored import fit_statistics
from kernfit.lesson import scene

pytestmark = pytest.mark.slow

KERNEL = np.array([[0.1, 0.2, 0.0], [0.0, 0.5, 0.1], [0.05, 0.0, 0.05]])


def some_pairs(rng, number, noise=1.0, side=60):
    photo = scene((300, 320)).astype(float)
    before, after = [], []
    for n in range(number):
        top, left = rng.integers(0, 200, 2)
        x = photo[top : top + side + n, left : left + side + 2 * n]
        before.append(x)
        after.append(correlate2d(x, KERNEL, mode="same") + rng.normal(0, noise, x.shape))
    return before, after


def test_pairs_of_any_sizes_are_one_least_squares_problem():
    before, after = some_pairs(np.random.default_rng(0), 3)
    fit = learn(before, after, shape=3)
    total = None
    for x, y in zip(before, after, strict=True):
        part = Statistics.of(x, y[1:-1, 1:-1], 3)
        total = part if total is None else total + part
    assert np.abs(fit.kernel.taps.ravel() - total.solve().weights[:-1, 0]).max() < 1e-9
    assert fit.used == total.count
    assert len(fit.uncertainty.influence) >= 25
    assert learn(before, after).kernel.shape == (3, 3)
    assert fit.status.code == "good"


def test_one_pair_in_a_list_is_that_pair():
    before, after = some_pairs(np.random.default_rng(1), 1)
    assert learn(before, after).kernel == learn(before[0], after[0]).kernel


def test_many_pairs_tell_the_errors_by_how_far_they_disagree():
    rng = np.random.default_rng(2)
    held = []
    for _ in range(12):
        before, after = some_pairs(rng, 10, side=40)
        fit = learn(before, after, shape=3, threads=1)
        assert len(fit.uncertainty.influence) == 10
        low, high = fit.interval()
        held.append((low <= KERNEL) & (high >= KERNEL))
    assert 0.87 <= np.mean(held) <= 1  # of 108


def test_masks_and_variances_come_in_lists():
    rng = np.random.default_rng(3)
    before, after = some_pairs(rng, 2, noise=0)
    masks = [np.ones(y.shape, bool) for y in after]
    masks[1][:20] = False
    after[1][:20] += 100
    fit = learn(before, after, mask=masks, variance=[np.ones(y.shape) for y in after], shape=3)
    assert np.abs(fit.kernel.taps - KERNEL).max() < 1e-9
    assert fit.left_out["masked"] > 0


def test_outliers_and_pairs_that_disagree():
    rng = np.random.default_rng(4)
    before, after = some_pairs(rng, 4, noise=0.5)
    after[0][10, 10] += 5000
    fit = learn(before, after, shape=3, robust=True)
    assert fit.left_out["outliers"] >= 1
    assert np.all(np.abs(fit.kernel.taps - KERNEL) < 5 * fit.stderr)
    after[0][10, 10] -= 5000
    after[2] = after[2] + 30 * (np.indices(after[2].shape).sum(axis=0) % 2)
    assert (
        "pair 3 of 4 leaves a residual more than three times"
        in learn(before, after, shape=3).notes[0]
    )


def test_refusals():
    before, after = some_pairs(np.random.default_rng(5), 2)
    with pytest.raises(InvalidInput, match="equally many images, got 2 and 1"):
        learn(before, after[:1])
    with pytest.raises(InvalidInput, match="the same images as pairs 1 and 3"):
        learn([*before, before[0]], [*after, after[0]])
    with pytest.raises(InvalidInput, match="all pairs must have as many channels"):
        learn(before, [after[0], after[1][1:-1, 1:-1]])
    part = Statistics.of(before[0], after[0][1:-1, 1:-1], 3)
    with pytest.raises(InvalidInput, match="the same as numbers 1 and 2"):
        fit_statistics([part, part])


@pytest.fixture
def folders(tmp_path):
    before, after = some_pairs(np.random.default_rng(6), 3)
    for folder, images in (("x", before), ("y", after)):
        (tmp_path / folder).mkdir()
        for n, image in enumerate(images):
            write_image(tmp_path / folder / f"night{n}.npy", image)
    return tmp_path


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_folders_patterns_and_repeated_pairs(folders, capsys):
    answers = []
    first, *others = (
        (folders / "x" / f"night{n}.npy", folders / "y" / f"night{n}.npy") for n in range(3)
    )
    more = [path for pair in others for path in pair]
    for places in (
        (folders / "x", folders / "y"),
        (folders / "x" / "*.npy", folders / "y" / "night?.npy"),
        (*first, *more),
    ):
        assert run("learn", *places, "--json", "--shape", "3x3") == 0
        answers.append(json.loads(capsys.readouterr().out))
    assert answers[0] == answers[1] == answers[2]
    assert np.abs(np.array(answers[0]["stderr"])).max() < 0.1
    assert run("learn", folders / "x", folders / "y") == 0
    assert "3 pairs" in capsys.readouterr().out


def test_what_does_not_pair_is_said(folders, capsys):
    (folders / "y" / "night1.npy").unlink()
    assert run("learn", folders / "x", folders / "y") == 2
    assert "without a partner of that name: night1" in capsys.readouterr().err
    assert run("learn", folders / "x", folders / "y" / "night0.npy") == 2
    assert "got one of each" in capsys.readouterr().err
    assert run("learn", folders / "x" / "*.png", folders / "y" / "*.png") == 2
    assert "must hold image files, got none" in capsys.readouterr().err
    assert run("learn", *[folders / "x" / "night0.npy"] * 3) == 2
    assert "got 3 arguments" in capsys.readouterr().err
    (folders / "x" / "night1.npy").unlink()
    assert run("learn", folders / "x", folders / "y" / "*", "--report", folders / "r.html") == 2
    assert "--report must come with one pair of files" in capsys.readouterr().err

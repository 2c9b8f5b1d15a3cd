"""learn: exact on exact pairs, whatever their size, dtype, mask and channels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernfit import InvalidInput, Kernel, convolve2d, correlate2d, learn
from kernfit.lesson import EDGE_KERNEL, black_bar, photograph, scene

ASYMMETRIC = np.array([[0.1, 0.7, -0.2], [0.0, 1.3, 0.4], [-0.5, 0.05, 0.3]])


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 6), columns=st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_gives_back_what_correlate2d_applied(seed, rows, columns):
    rng = np.random.default_rng(seed)
    x, kernel = rng.normal(size=(30, 31)), Kernel(rng.normal(size=(rows, columns)), rng.normal())
    fit = learn(x, correlate2d(x, kernel))
    assert fit.kernel.shape == (rows, columns)
    assert np.abs(fit.kernel.taps - kernel.taps).max() < 1e-10
    assert abs(fit.kernel.bias[0] - kernel.bias[0]) < 1e-10
    assert fit.status.code == "good"
    assert fit.used == (31 - rows) * (32 - columns)


@pytest.mark.parametrize("boundary", ["constant", "edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (1, 2), (2, 2), (5, 3), (1, 7), (9, 9)])
def test_finds_the_size_whatever_the_border(boundary, shape):
    rng = np.random.default_rng(11)
    x = rng.normal(size=(80, 90))
    kernel = Kernel(rng.uniform(0.5, 1, shape) * rng.choice([-1, 1], shape))
    y = correlate2d(x, kernel, mode="same", boundary=boundary)
    fit = learn(x, y)
    assert fit.kernel.shape == shape
    assert fit.kernel.anchor == kernel.anchor
    assert np.abs(fit.kernel.taps - kernel.taps).max() < 1e-9


def test_size_under_noise():
    rng = np.random.default_rng(12)
    x = scene((200, 220)).astype(float)
    y = correlate2d(x, ASYMMETRIC, mode="same") + rng.normal(0, 2, x.shape)
    fit = learn(x, y)
    assert fit.kernel.shape == (3, 3)
    assert np.all(np.abs(fit.kernel.taps - ASYMMETRIC) < 5 * fit.stderr)
    assert abs(fit.residual_rms - 2) < 0.05


def test_zeros_around_the_taps_do_not_hide_the_programs_border():
    # A 3x3 program whose taps lie in one corner copies a border of one pixel on every side.
    x = scene((60, 70))
    y = x.astype(int)
    y[1:-1, 1:-1] = correlate2d(x, [[0, 0, 0], [0, 1, 0], [-1, 0, 0]])
    fit = learn(x, y)
    assert np.allclose(fit.kernel.taps, [[0, 0, 0], [0, 1, 0], [-1, 0, 0]])
    assert fit.status.code == "good"


def test_correlation_and_convolution_learn_each_other_flipped():
    x = np.random.default_rng(13).normal(size=(20, 20))
    one = learn(x, correlate2d(x, ASYMMETRIC)).kernel
    other = learn(x, convolve2d(x, ASYMMETRIC)).kernel
    assert np.allclose(one.taps, other.flipped().taps, atol=1e-10)


def test_the_lesson():
    fit = learn(black_bar(), correlate2d(black_bar(), EDGE_KERNEL))
    assert np.abs(fit.kernel.taps - [[1, -1]]).max() < 1e-9
    assert abs(fit.kernel.bias[0]) < 1e-9
    wide = learn(black_bar(), black_bar(), shape=3)
    assert wide.status.code == "undetermined"
    assert "rows are not" in str(wide.status)
    assert np.isnan(wide.stderr).all()
    assert len(wide.undetermined) > 0


def test_clipped_pixels_are_left_out():
    x = scene((120, 130))
    exact = correlate2d(x.astype(float), [[0, -1, 0], [-1, 6, -1], [0, -1, 0]], mode="same")
    y = np.clip(exact, 0, 255).astype(np.uint8)
    fit = learn(x, y)
    clipped = np.count_nonzero((y[1:-1, 1:-1] == 0) | (y[1:-1, 1:-1] == 255))
    assert clipped > 500
    assert fit.left_out["clipped"] == clipped
    assert np.abs(fit.kernel.taps - [[0, -1, 0], [-1, 6, -1], [0, -1, 0]]).max() < 1e-9
    kept = learn(x, y, clip=(-1, 256))
    assert kept.left_out["clipped"] == 0
    assert np.abs(kept.kernel.taps[1, 1] - 6) > 0.1


def test_nan_and_mask_are_left_out_on_both_sides():
    rng = np.random.default_rng(14)
    x = rng.normal(size=(40, 41))
    y = correlate2d(x, ASYMMETRIC, mode="same")
    mask = np.ones(y.shape, bool)
    mask[20:25] = False
    y[20:25] = 1e6
    x[5, 5], y[30, 30], x[0, 0] = np.nan, np.inf, -np.inf
    fit = learn(x, y, mask=mask, shape=3)
    assert np.abs(fit.kernel.taps - ASYMMETRIC).max() < 1e-9
    # 9 outputs see (5, 5), one each is (30, 30) itself and sees (0, 0).
    counts = {
        "border": 158,
        "missing": 11,
        "masked": 5 * 39,
        "clipped": 0,
        "clipped before": 0,
        "outliers": 0,
    }
    assert fit.left_out == counts
    assert fit.used + sum(fit.left_out.values()) == y.size


def test_whole_levels_give_the_taps_that_rounding_hides():
    x = scene()
    kernel = np.array([[0, -1, 0], [-1, 10, -1], [0, -1, 0]]) / 6
    y = np.clip(np.floor(correlate2d(x, kernel, mode="same") + 0.5), 0, 255).astype(np.uint8)
    fit = learn(x, y)
    assert fit.reproduced == fit.used
    assert "Every pixel lies within half a level" in fit.status.sentence
    assert np.abs(fit.kernel.taps - kernel).max() < 1e-5


def test_noise_is_never_taken_for_rounding():
    rng = np.random.default_rng(15)
    x = scene()
    y = np.rint(correlate2d(x, ASYMMETRIC / 4, mode="same") + rng.normal(0, 0.2, x.shape))
    fit = learn(x, y.astype(np.int32), shape=3)
    assert fit.reproduced < fit.used
    assert np.abs(fit.kernel.taps - ASYMMETRIC / 4).max() < 1e-3


def test_channels_alike_and_full():
    rng = np.random.default_rng(16)
    x = rng.normal(size=(3, 30, 31))
    alike = learn(x, correlate2d(x, ASYMMETRIC))
    assert np.abs(alike.kernel.taps - ASYMMETRIC).max() < 1e-10
    mixing = Kernel(rng.normal(size=(2, 3, 3, 2)), [5, -7])
    full = learn(x, correlate2d(x, mixing), channels="full")
    assert np.abs(full.kernel.weight - mixing.weight).max() < 1e-9
    assert np.abs(full.kernel.bias - mixing.bias).max() < 1e-9
    assert full.stderr.shape == (2, 3, 3, 2)
    assert np.allclose(full.predict(x), correlate2d(x, mixing))


def test_without_a_bias():
    x = scene((50, 50)).astype(float)
    fit = learn(x, correlate2d(x, ASYMMETRIC) + 3, bias=False, shape=3)
    assert fit.kernel.bias[0] == 0
    assert fit.bias_stderr[0] == 0
    assert fit.residual_rms > 0.001


def test_descent_is_told_apart_from_the_exact_answer():
    x = black_bar()
    y = correlate2d(x, EDGE_KERNEL)
    early = learn(x, y, bias=False, descent=3e-2, steps=10)
    assert np.abs(early.kernel.taps - [[0.9884708, -0.9884708]]).max() < 1e-6
    assert early.status.code == "unfinished"
    assert len(early.history.losses) == 11
    late = learn(x, y, bias=False, descent=3e-2, steps=200, start=[[0.5, 0.5]])
    assert late.status.code == "good"
    wild = learn(x, y, bias=False, descent=1.0, steps=50)
    assert wild.status.code == "diverged"
    assert "below 0.0333" in wild.status.remedy


def test_misfit_is_said():
    x = scene((100, 100))
    y = np.asarray(np.sqrt(x.astype(float)) * 12, np.uint8)
    fit = learn(x, y)
    assert fit.status.code == "misfit"
    assert fit.r2 > 0.9


def test_shows_itself():
    fit = learn(black_bar(), correlate2d(black_bar(), EDGE_KERNEL))
    assert "Fit: 1x2 kernel" in repr(fit)
    assert "<table>" in fit._repr_html_()
    assert fit.to_dict()["kernel"]["anchor"] == [0, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"after": np.ones((9, 8))}, "after must not be larger than before, got 9x8 after"),
        (
            {"shape": 4},
            "or shape must be 3x3, the difference between the images' sizes, got shape \\(4, 4\\)",
        ),
        ({"shape": "big"}, "shape must be 'auto', an integer or"),
        ({"shape": (1, 2, 3)}, "shape must be an integer or a"),
        ({"clip": (3, 1)}, "clip must have low below high"),
        ({"clip": 3}, "clip must be two levels"),
        ({"mask": np.zeros((6, 6), bool)}, "were left out, most of them as masked"),
        ({"after": np.full((6, 6), np.nan)}, "were left out, most of them as missing"),
        ({"channels": "both"}, "channels must be one of alike, full"),
        ({"before": np.ones((2, 8, 8))}, "equally many channels to treat each alike, got 2 and 1"),
        ({"before": np.ones(8)}, "before must have at least 2 axes"),
        ({"before": np.ones((8, 8), complex)}, "before must be real"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"before": [[1, 2], [3]]}, "before must be a rectangular array"),
    ],
)
def test_refusals(change, message):
    arguments = {"before": np.eye(8), "after": np.ones((6, 6))} | change
    with pytest.raises(InvalidInput, match=message):
        learn(**arguments)


def test_kernel_must_fit_the_image():
    with pytest.raises(InvalidInput, match="the kernel must fit into the before image, got 9x9"):
        learn(np.eye(8), np.eye(8), shape=9)


def test_kernels_larger_than_the_first_search():
    rng = np.random.default_rng(17)
    x = rng.normal(size=(150, 160))
    rows, columns = np.mgrid[-10:11, -8:9]
    kernel = np.exp(-(rows**2 + columns**2) / 60) * (1 + 0.3 * rows)
    fit = learn(x, correlate2d(x, kernel, mode="same"))
    assert fit.kernel.shape == (21, 17)
    assert np.abs(fit.kernel.taps - kernel).max() < 1e-9


@pytest.mark.parametrize("gain", [0.95, 1.05, 1.3])
def test_a_gain_alone_is_a_single_tap(gain):
    x = np.asarray(photograph()[0])[100:500, 60:460]
    y = np.clip(np.rint(gain * x + 3), 0, 255).astype(np.uint8)
    fit = learn(x, y)
    assert fit.kernel.shape == (1, 1)
    assert fit.reproduced == fit.used
    assert abs(fit.kernel.taps[0, 0] - gain) < 1e-3


@pytest.mark.parametrize(
    "shape",
    [(20, 21, 3), (20, 21, 4), (2, 3, 20, 20)],
    ids=["colours last", "alpha last", "4 axes"],
)
def test_channels_must_come_first(shape):
    with pytest.raises(InvalidInput, match="before must have"):
        learn(np.ones(shape), np.ones(shape))


def test_a_mask_that_leaves_a_whole_strip_out():
    x = np.random.default_rng(18).normal(size=(300, 300))
    mask = np.zeros(x.shape, bool)
    mask[:20] = True
    assert learn(x, x**3, shape=1, mask=mask).status.code == "misfit"


def test_unrelated_images_are_no_pair():
    rng = np.random.default_rng(19)
    status = learn(scene((90, 90)), rng.integers(0, 200, (90, 90))).status
    assert status.kind == "unrelated"
    assert "Are these a pair?" in status.remedy


@pytest.mark.parametrize("before", [np.zeros((50, 50)), scene((50, 50))])
def test_flat_images_end_without_a_warning(before):
    noise = np.random.default_rng(20).normal(size=(50, 50))
    assert learn(np.zeros((50, 50)), noise).kernel.shape == (1, 1)
    assert abs(learn(before, np.full((50, 50), 0.1)).kernel.taps).max() < 1e-9


def test_as_many_weights_as_pixels_is_no_answer():
    rng = np.random.default_rng(21)
    x, y = rng.normal(size=(4, 7)), rng.normal(size=(2, 5))
    status = learn(x, y, shape=3).status
    assert status.code == "undetermined"
    assert "10 pixels for 10 weights" in status.sentence


def test_a_name_is_looked_for_once(monkeypatch):
    import kernfit.learning.naming.recognise as room

    asked = []
    found = room.recognise
    monkeypatch.setattr(room, "recognise", lambda *a, **o: asked.append(1) or found(*a, **o))
    x = scene((60, 80)).astype(float)
    fit = learn(x, (x[:, 1:] - x[:, :-1]) / 2)
    assert fit.recognise() is fit.recognise()
    assert str(fit)
    assert fit.to_dict()["recognition"]
    assert len(asked) == 1


def test_an_answer_does_not_depend_on_threads():
    x = np.random.default_rng(0).normal(100, 20, (300, 310))
    y = x[1:-1, 1:-1] + np.random.default_rng(1).normal(size=(298, 308))
    one, two = (learn(x, y, shape=3, threads=threads) for threads in (1, 2))
    assert np.array_equal(one.kernel.weight, two.kernel.weight)
    assert np.array_equal(one.covariance, two.covariance)

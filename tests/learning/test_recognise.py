"""What is it called? Kernels of programs are recognised, and random ones are not."""

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy import ndimage

from kernfit import InvalidInput, Kernel, catalogue, correlate2d, learn, scene
from kernfit.learning.naming.catalogued import catalogue_matches
from kernfit.learning.naming.evidence import Evidence
from kernfit.learning.naming.fractions import as_fractions, simplest_fractions
from kernfit.learning.naming.match import Bias
from kernfit.learning.naming.recognise import recognise
from kernfit.lesson import photograph
from kernfit.named_kernels import box, disk, gaussian, laplacian_of_gaussian, motion

pytestmark = pytest.mark.slow

EMBOSS = catalogue["emboss"].taps
ASYMMETRIC = np.array([[0, -1, 0], [-1, 7, -2], [0, 1, 0]]) / 4
FILTERS = [
    *("BLUR", "CONTOUR", "DETAIL", "EDGE_ENHANCE", "EDGE_ENHANCE_MORE"),
    *("EMBOSS", "FIND_EDGES", "SMOOTH", "SMOOTH_MORE"),
]


@pytest.fixture(scope="module")
def picture():
    return photograph()[0].crop((80, 40, 400, 360))


@pytest.fixture(scope="module")
def x():
    return scene((300, 320)).astype(float)


def learnt(x, kernel, noise=0.0, *, bias=0.0, mode="same"):
    y = correlate2d(x, kernel, mode=mode) + bias
    if noise:
        y = y + np.random.default_rng(3).normal(0, noise, y.shape)
    return learn(x, y).recognise()


def evidence(taps, error=0.0):
    taps = np.asarray(taps, float)
    return Evidence(taps, np.eye(taps.size) * error**2, tuple((n - 1) // 2 for n in taps.shape))


def filtered(picture, how):
    return learn(np.asarray(picture), np.asarray(picture.filter(how))).recognise()


def test_sharpen_is_called_by_its_name():
    image, _ = photograph()
    found = filtered(image, ImageFilter.SHARPEN)
    assert (
        str(found) == "It is Pillow SHARPEN: (-2 -2 -2 / -2 32 -2 / -2 -2 -2) / 16."
    )  # as Pillow writes it, not in lowest terms
    assert found.best.name == "pillow_sharpen"
    fractions = next(match for match in found.matches if match.kind == "fractions")
    assert fractions.text == "(-1 -1 -1 / -1 16 -1 / -1 -1 -1) / 8"


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_of_pillow(picture, name):
    text = str(filtered(picture, getattr(ImageFilter, name)))
    assert f"Pillow {name}" in text.partition(":")[0]
    assert "offset" not in text
    assert "plus" not in text


@pytest.mark.parametrize(
    ("radius", "text"),
    [
        (0.5, "It is gaussian_3: (1 2 1 / 2 4 2 / 1 2 1) / 16."),
        (1, "It is box_3: (1 1 1 / 1 1 1 / 1 1 1) / 9."),
        (1.5, "It is a box blur of 4 x 4 pixels."),
        (3, "It is a box blur of 7 x 7 pixels."),
    ],
)
def test_boxes_of_pillow(picture, radius, text):
    assert str(filtered(picture, ImageFilter.BoxBlur(radius))) == text


@pytest.mark.parametrize("sigma", [1.5, 2, 3])
def test_gaussian_of_pillow_is_three_boxes(sigma):
    best = filtered(photograph()[0], ImageFilter.GaussianBlur(sigma)).best
    assert best.name == "gaussian"
    assert "three boxes as Pillow does" in best.text
    sizes = [value for name, (value, _) in best.parameters.items() if name != "scale"]
    assert np.allclose(sizes, sigma, rtol=0.01)


@pytest.mark.parametrize("sigma", [0.7, 1, 1.5])
@pytest.mark.parametrize("kind", ["float", "float32", "rounded"])
def test_gaussian_of_scipy(x, sigma, kind):
    y = ndimage.gaussian_filter(x, sigma)
    y = {"float": y, "float32": y.astype(np.float32), "rounded": np.rint(y).astype(int)}[kind]
    best = learn(x, y).recognise().best
    assert best.text.startswith("a Gaussian blur of sigma")
    assert "integrated" not in best.text
    value, error = best.parameters["sigma"]
    assert abs(value - sigma) < max(5 * error, 1e-5)
    if kind != "rounded":
        assert best.text == f"a Gaussian blur of sigma {sigma:g} pixels"


@pytest.mark.parametrize("sigma", [0.5, 1, 1.5])
def test_laplacian_of_gaussian_of_scipy(x, sigma):
    best = learn(x, ndimage.gaussian_laplace(x, sigma)).recognise().best
    assert best.text == f"the Laplacian of a Gaussian of sigma {sigma:g} pixels"


@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize(
    ("kernel", "text"),
    [
        (EMBOSS, "emboss: (-2 -1 0 / -1 1 1 / 0 1 2)"),
        (np.fliplr(EMBOSS), "emboss flipped left to right: (0 -1 -2 / 1 1 -1 / 2 1 0)"),
        (np.flipud(EMBOSS) * -0.5, "emboss flipped top to bottom times -1/2: "),
        (np.pad(EMBOSS, ((0, 2), (2, 0))), "emboss moved by 1 pixel down and 1 pixel left: "),
        (catalogue["sobel_y"].taps, "sobel_y"),
        (catalogue["kirsch_nw"].taps / 15, "kirsch_nw times 1/15"),
        ([[0, 0, 0, 0, 1]], "identity moved by 2 pixels left: (0 0 0 0 1)"),
        (ASYMMETRIC, "(0 -1 0 / -1 7 -2 / 0 1 0) / 4"),
    ],
)
def test_turned_scaled_and_moved_kernels(x, noise, kernel, text):
    assert text in str(learnt(x, kernel, noise))


def test_every_kernel_of_the_catalogue_knows_its_name():
    for name, kernel in catalogue.items():
        taps = kernel.taps.astype(float)
        shown = Evidence(taps, np.zeros((taps.size, taps.size)), kernel.anchor)
        best = catalogue_matches(shown, Bias(float(kernel.bias[0])))[0][0]
        assert np.allclose(best.taps, taps), name
        assert best.parameters == {}, name
        assert "flipped" not in best.text, name


def test_scale_with_its_error_and_a_bias(x):
    found = learnt(x, 0.3719 * catalogue["sobel_x"].taps, 2.0, bias=128.0)
    value, error = found.best.parameters["scale"]
    assert abs(value - 0.3719) < 4 * error
    assert found.best.text.endswith(", plus 128")
    assert "± " in found.best.text
    without = recognise(catalogue["pillow_contour"].taps, np.zeros((9, 9)), anchor=(1, 1))
    assert without.best.name == "pillow_find_edges"


@pytest.mark.parametrize("noise", [0.0, 2.0])
@pytest.mark.parametrize(
    ("kernel", "name", "parameters"),
    [
        (gaussian(1.3), "gaussian", {"sigma": 1.3}),
        (
            np.outer(gaussian(1.5, (13, 1)).taps, gaussian(0.8, (1, 13)).taps),
            "gaussian",
            {"rows": 1.5, "columns": 0.8},
        ),
        (disk(2.3), "disk", {"radius": 2.3}),
        (motion(7, 30), "motion", {"length": 7, "angle": 30}),
        (box((7, 3)), "box", {"height": 7, "width": 3}),
        (np.outer([0.71, 0.29], [0.4, 0.6]), "shift", {"down": -0.29, "right": -0.6}),
        (laplacian_of_gaussian(1.4), "laplacian of gaussian", {"sigma": 1.4}),
    ],
)
def test_families_with_their_parameters(x, noise, kernel, name, parameters):
    found = learnt(x, kernel, noise)
    match = next(match for match in found.matches if match.kind == "family")
    assert match.name == name
    for parameter, truth in parameters.items():
        value, error = match.parameters[parameter]
        assert abs(value - truth) < max(4.5 * error, 1e-4), parameter
        assert noise == 0 or 0 < error < 0.1


def test_tilted_gaussian_and_unsharp_mask(x):
    rows, columns = np.mgrid[-6:7, -6:7]
    turn = np.deg2rad(30)
    along = columns * np.cos(turn) - rows * np.sin(turn)
    across = columns * np.sin(turn) + rows * np.cos(turn)
    bell = np.exp(-((along / 2) ** 2 + across**2) / 2)
    found = learnt(x, bell / bell.sum(), 1.0).best.parameters
    for name, truth in (("long", 2), ("short", 1), ("angle", 30)):
        assert abs(found[name][0] - truth) < 4 * found[name][1]

    sharp = -0.8 * gaussian(1.2, 9).taps
    sharp[4, 4] += 1.8
    best = learnt(x, sharp).best
    assert best.name == "unsharp"
    assert abs(best.parameters["amount"][0] - 0.8) < 1e-3
    assert abs(best.parameters["sigma"][0] - 1.2) < 1e-3


def test_errors_of_sigma_are_honest(x):
    off = []
    for seed in range(8):
        noise = np.random.default_rng(seed).normal(0, 2, x.shape)
        fit = learn(x, correlate2d(x, gaussian(1.3), mode="same") + noise)
        value, error = fit.recognise().best.parameters["sigma"]
        off.append((value - 1.3) / error)
    assert np.abs(np.mean(off)) < 1.2
    assert np.std(off) < 2


def test_random_kernels_are_recognised_as_nothing():
    rng = np.random.default_rng(8)
    shapes = [(3, 3), (1, 2), (2, 2), (5, 5), (1, 3), (4, 3)]
    claims = 0
    for number in range(90):
        taps = rng.normal(size=shapes[number % 6])
        if number % 3:
            taps = np.abs(taps) / (np.abs(taps).sum() if number % 3 == 2 else 1)
        error = (0.0, 1e-4, 1e-2)[number // 6 % 3] * np.abs(taps).max()
        noisy = taps + rng.normal(size=taps.shape) * error
        shown = evidence(noisy, error)
        claims += bool(recognise(shown.taps, shown.covariance, anchor=shown.anchor).matches)
    assert claims <= 1


def test_nearest_says_how_far_off(x):
    bent = catalogue["sobel_x"].taps + np.array([[0, 0, 0], [0.1, 0, 0], [0, 0, 0.13]])
    found = learnt(x, bent, 2.0)
    assert found.matches == ()
    assert found.nearest.name in ("sobel_x", "robinson_e")
    assert "the nearest is sobel_x" in str(found)
    assert "it differs by 0.1" in str(found)
    random = learnt(x, np.random.default_rng(1).normal(size=(3, 3)))
    assert str(random) == "It is no known kernel."
    assert random.best is None


def test_simplest_fractions_know_their_limits():
    integers, divisor = simplest_fractions(evidence(ASYMMETRIC, 1e-4))
    assert as_fractions(integers, divisor) == "(0 -1 0 / -1 7 -2 / 0 1 0) / 4"
    # With errors of a tenth, any kernel agrees with some small divisor: nothing is said.
    assert simplest_fractions(evidence(ASYMMETRIC, 0.1)) is None
    assert simplest_fractions(evidence(np.zeros((3, 3)))) is None
    # Equal taps are no evidence of their own, so a symmetric kernel is not made of fractions.
    assert simplest_fractions(evidence(gaussian(0.9, 3).taps, 1e-4)) is None
    assert as_fractions(np.ones((8, 8), int), 64) == "8x8 whole numbers from 1 to 1, divided by 64"


def test_taps_that_are_not_determined_are_left_out():
    shown = evidence(EMBOSS, 1e-4)
    shown.covariance[0] = shown.covariance[:, 0] = np.nan
    taps = shown.taps.copy()
    taps[0, 0] = 77
    found = recognise(taps, shown.covariance, anchor=(1, 1))
    assert found.best.name == "emboss"
    assert str(found).endswith("; 1 of 9 taps are not determined and were left out.")
    bar = np.tile(np.arange(40.0) ** 2 % 17, (40, 1))
    stripes = learn(bar, correlate2d(bar, EMBOSS), shape=3).recognise()
    assert "how sure each tap is cannot be said" in str(stripes)


def test_nothing_to_recognise(x):
    assert "every tap may be zero" in str(learn(x, x * 0 + 5, shape=3).recognise())
    descent = learn(x, correlate2d(x, EMBOSS), descent=1e-12, steps=2).recognise()
    assert descent.matches == ()
    assert str(learn(x, x).recognise()) == "It is identity: (1)."
    assert str(learn(x, 1.25 * x + 4).recognise()) == "It is identity times 5/4: (5) / 4, plus 4."


def test_each_channel_of_a_mixing_kernel():
    x = np.random.default_rng(4).normal(size=(2, 40, 40))
    weight = np.zeros((1, 2, 3, 3))
    weight[0, 0], weight[0, 1] = EMBOSS, np.rot90(EMBOSS)
    fit = learn(x, correlate2d(x, Kernel(weight)), channels="full")
    assert fit.recognise().best.text.startswith("emboss:")
    assert fit.recognise(source=1).best.text.startswith("emboss flipped top to bottom")
    with pytest.raises(InvalidInput, match="output and source must be channels of a kernel with 1"):
        fit.recognise(output=1)


def test_the_command_line_says_it(capsys, tmp_path, picture):
    from kernfit.cli import main

    picture.save(tmp_path / "before.png")
    after = Image.fromarray(np.asarray(picture.filter(ImageFilter.SHARPEN)))
    after.save(tmp_path / "after.png")
    assert main(["learn", str(tmp_path / "before.png"), str(tmp_path / "after.png")]) == 0
    assert "It is Pillow SHARPEN: (-2 -2 -2 / -2 32 -2 / " in capsys.readouterr().out


def test_few_different_taps_over_their_own_sum():
    taps = np.array([[1, 2, 1], [2, 1, 2], [1, 2, 1]])
    before = np.asarray(photograph()[0])[100:300, 100:300]
    exact = ndimage.correlate(before.astype(float), taps / 13, mode="nearest")
    after = np.floor(exact + 0.5).astype(np.uint8)
    assert str(learn(before, after).recognise()) == "It is (1 2 1 / 2 1 2 / 1 2 1) / 13."

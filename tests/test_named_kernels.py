import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy import ndimage, signal

from kernfit import InvalidInput, Kernel
from kernfit.named_kernels import (
    Catalogue,
    box,
    catalogue,
    detectors,
    disk,
    gaussian,
    laplacian_of_gaussian,
    motion,
)

Y, X = np.mgrid[:12, :15].astype(float)


def correlate(image, kernel):
    return signal.correlate2d(image, kernel.taps, mode="valid") + kernel.bias


def test_every_entry_is_complete():
    assert len(catalogue) > 50
    for name in catalogue:
        entry = catalogue.about(name)
        assert isinstance(entry.kernel, Kernel)
        assert entry.kernel is catalogue[name]
        assert entry.kernel.name == entry.name == name
        assert entry.summary.endswith(".")
        assert entry.source
        assert entry.group
        assert name == name.lower()
    assert len({catalogue.about(name).summary for name in catalogue}) > 40


def test_integral_kernels_are_integers():
    floats = {name for name in catalogue if catalogue[name].weight.dtype == np.float64}
    for name in floats:
        assert (catalogue[name].weight % 1).any()


def test_it_does_not_change():
    with pytest.raises(TypeError):
        catalogue["mine"] = catalogue["identity"]
    with pytest.raises(TypeError):
        detectors["mine"] = (catalogue["identity"],)
    with pytest.raises(ValueError, match="read-only"):
        catalogue["sobel_x"].taps[0, 0] = 1


def test_unknown_names():
    with pytest.raises(KeyError, match="got 'sobelx': did you mean sobel_x"):
        catalogue["sobelx"]
    with pytest.raises(InvalidInput, match=r"name must be one of the .* kernels") as refusal:
        catalogue.about("zzzzzz")
    assert str(refusal.value).endswith("got 'zzzzzz': list(catalogue) shows them")
    assert "Sobel_X" not in catalogue
    assert catalogue.get("none") is None
    with pytest.raises(KeyError):
        catalogue[3]
    with pytest.raises(KeyError):
        catalogue[[]]


def test_it_shows_itself():
    assert repr(catalogue).startswith(f"<catalogue of {len(catalogue)} kernels: identity, ")
    assert isinstance(catalogue, Catalogue)


SLOPES = {
    "lesson_edge": -1,
    "forward_difference_x": 1,
    "central_difference_x": 1,
    "sobel_x": 8,
    "sobel_5_x": 128,
    "scharr_x": 32,
    "prewitt_x": 6,
    "frei_chen_x": 2 * (2 + 2**0.5),
}


@pytest.mark.parametrize("name", SLOPES)
def test_gradients_answer_to_brightness_growing_to_the_right_or_downwards(name):
    other = "lesson_edge_y" if name == "lesson_edge" else name.replace("_x", "_y")
    np.testing.assert_allclose(correlate(X, catalogue[name]), SLOPES[name])
    np.testing.assert_allclose(correlate(Y, catalogue[name]), 0, atol=1e-12)
    np.testing.assert_allclose(correlate(Y, catalogue[other]), SLOPES[name])
    np.testing.assert_allclose(correlate(X, catalogue[other]), 0, atol=1e-12)


def test_the_numbers_as_they_are_written():
    assert catalogue["lesson_edge"] == Kernel([[1, -1]])
    assert catalogue["lesson_edge_y"] == Kernel([[1], [-1]])
    assert catalogue["sobel_x"] == Kernel([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    assert catalogue["scharr_y"] == Kernel([[-3, -10, -3], [0, 0, 0], [3, 10, 3]])
    assert catalogue["roberts_1"] == Kernel([[1, 0], [0, -1]])
    assert catalogue["roberts_2"] == Kernel([[0, 1], [-1, 0]])
    assert catalogue["gaussian_3"] == Kernel(np.outer([1, 2, 1], [1, 2, 1]) / 16)


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("laplacian", 1),
        ("laplacian_8", 3),
        ("laplacian_opencv_3", 4),
        ("second_difference_x", 1 / 3),
        ("second_difference_y", 2 / 3),
    ],
)
def test_second_derivatives(name, factor):
    # The Laplacian of x**2 / 2 + y**2 is 3.
    np.testing.assert_allclose(correlate(X**2 / 2 + Y**2, catalogue[name]), 3 * factor)
    np.testing.assert_allclose(correlate(X + 3 * Y + 5, catalogue[name]), 0, atol=1e-10)


WINDS = {"n": (-1, 0), "ne": (-1, 1), "e": (0, 1), "se": (1, 1), "s": (1, 0)}
WINDS |= {"sw": (1, -1), "w": (0, -1), "nw": (-1, -1)}


@pytest.mark.parametrize("family", ["kirsch", "robinson"])
@pytest.mark.parametrize("wind", WINDS)
def test_compass(family, wind):
    row, column = WINDS[wind]
    ramp = row * Y + column * X
    answers = {other: correlate(ramp, catalogue[f"{family}_{other}"])[0, 0] for other in WINDS}
    assert max(answers, key=answers.get) == wind
    assert catalogue[f"{family}_{wind}"].taps.sum() == 0


@pytest.mark.parametrize(
    "name",
    ["box_3", "box_5", "gaussian_3", "gaussian_5", "sharpen", "sharpen_8", "unsharp", "emboss"],
)
def test_flat_images_keep_their_level(name):
    assert catalogue[name].taps.sum() == pytest.approx(1, abs=1e-15)


def test_laplacian_of_gaussian_is_flat_on_ramps():
    taps = catalogue["laplacian_of_gaussian_5"].taps
    assert taps.sum() == 0
    np.testing.assert_array_equal(taps, np.rot90(taps))


PILLOW = [
    name
    for name in vars(ImageFilter)
    if isinstance(getattr(ImageFilter, name), type)
    and issubclass(getattr(ImageFilter, name), ImageFilter.BuiltinFilter)
    and hasattr(getattr(ImageFilter, name), "filterargs")
]


def test_all_filters_of_pillow_are_there():
    assert sorted(f"pillow_{name.lower()}" for name in PILLOW) == sorted(
        name for name in catalogue if name.startswith("pillow")
    )


@pytest.mark.parametrize("name", PILLOW)
def test_kernels_of_pillow_are_what_pillow_does(name):
    kernel = catalogue[f"pillow_{name.lower()}"]
    before = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)
    after = np.asarray(Image.fromarray(before).filter(getattr(ImageFilter, name)()))
    exact = correlate(before, kernel)
    high, wide = (length // 2 for length in kernel.shape)
    found = after[high:-high, wide:-wide]
    np.testing.assert_allclose(found, np.clip(exact, 0, 255), atol=0.5 + 1e-4)
    inside = (found > 0) & (found < 255)
    assert inside.mean() > 0.02


def test_detectors():
    assert {"lesson", "sobel", "scharr", "prewitt", "roberts", "laplacian"} <= set(detectors)
    for kernels in detectors.values():
        assert 1 <= len(kernels) <= 2
        for kernel in kernels:
            assert catalogue[kernel.name] is kernel
            assert abs(kernel.taps.sum()) < 1e-12
    assert [kernel.name for kernel in detectors["sobel"]] == ["sobel_x", "sobel_y"]


@pytest.mark.parametrize("sigma", [0.3, 1, 2.7])
def test_gaussian_is_that_of_scipy(sigma):
    size = 2 * int(4 * sigma + 0.5) + 1
    impulse = np.zeros((size + 2, size + 2))
    impulse[size // 2 + 1, size // 2 + 1] = 1
    want = ndimage.gaussian_filter(impulse, sigma, mode="constant")[1:-1, 1:-1]
    np.testing.assert_allclose(gaussian(sigma).taps, want, atol=1e-15)


def test_gaussian_of_even_size():
    taps = gaussian(1, size=(2, 4)).taps
    assert taps.shape == (2, 4)
    np.testing.assert_allclose(taps, taps[::-1, ::-1])
    assert taps.sum() == pytest.approx(1)


def test_laplacian_of_gaussian_of_a_parabola():
    # On x**2 / 2 + y**2 the second moments alone count: the answer is its Laplacian, 3.
    taps = laplacian_of_gaussian(2.0, size=41).taps
    y, x = np.mgrid[-20:21, -20:21]
    assert (taps * (x**2 / 2 + y**2)).sum() == pytest.approx(3, rel=1e-6)
    assert taps.sum() == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("radius", [0.2, 0.5, 0.7, 1, 1.5, 2.3, 10])
def test_disk_is_the_share_of_each_pixel(radius):
    taps = disk(radius).taps
    assert taps.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(taps, np.rot90(taps), atol=1e-15)
    assert taps.min() > -1e-15
    assert taps[len(taps) // 2, 0] > 0
    fine = np.arange(len(taps) * 100) / 100 + 0.005 - len(taps) / 2
    inside = np.hypot(*np.meshgrid(fine, fine)) < radius
    want = inside.reshape(len(taps), 100, len(taps), 100).mean(axis=(1, 3))
    np.testing.assert_allclose(taps * np.pi * radius**2, want, atol=2e-3)


@pytest.mark.parametrize("length", [0.5, 1, 3, 4.5, 20])
@pytest.mark.parametrize("angle", [0, 30, 45, 90, 117, -20, 180])
def test_motion_is_the_share_of_each_pixel(length, angle):
    kernel = motion(length, angle)
    rows, columns = kernel.shape
    way = (np.arange(100_000) + 0.5) / 100_000 * length - length / 2
    down = np.rint(-way * np.sin(np.radians(angle)))
    right = np.rint(way * np.cos(np.radians(angle)))
    want = np.zeros((rows, columns))
    np.add.at(want, (down.astype(int) + rows // 2, right.astype(int) + columns // 2), 1e-5)
    np.testing.assert_allclose(kernel.taps, want, atol=3e-5)
    assert kernel.taps.sum() == pytest.approx(1, abs=1e-12)


def test_motion_upwards_to_the_right():
    taps = motion(5, 45).taps
    np.testing.assert_array_equal(np.fliplr(taps) > 0, np.eye(5) > 0)
    assert motion(3, 90).shape == (3, 1)
    assert motion(3, 180).shape == (1, 3)


def test_box():
    np.testing.assert_allclose(box(3).taps, catalogue["box_3"].taps)
    assert box((2, 5)).shape == (2, 5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: gaussian(0), "sigma must be a number above 0, got 0"),
        (lambda: gaussian(float("nan")), "sigma must be a number above 0"),
        (lambda: gaussian("wide"), "sigma must be a number above 0, got 'wide'"),
        (lambda: gaussian(1e6), "sigma makes a kernel whose size must be at most 4097"),
        (lambda: gaussian(1, size=0), "size must be at least 1"),
        (lambda: laplacian_of_gaussian(-1), "sigma must be a number above 0"),
        (lambda: box(10**6), "size must be at most 4097"),
        (lambda: box(2.5), "size must be an integer or a"),
        (lambda: disk(0), "radius must be a number above 0"),
        (lambda: disk(1e9), "radius makes a kernel whose size must be at most 4097"),
        (lambda: motion(-1), "length must be a number above 0"),
        (lambda: motion(1e9), "length makes a kernel whose size must be at most 4097"),
        (lambda: motion(3, float("inf")), "angle must be a number of degrees, got inf"),
    ],
)
def test_refusals_of_families(make, words):
    with pytest.raises(InvalidInput, match=words):
        make()


def test_disks_whose_edge_meets_a_pixel_by_a_hair():
    assert disk(0.1750310796358644).taps.sum() == pytest.approx(1)

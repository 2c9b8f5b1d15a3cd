"""How two images lie to each other: a valid result of any size, a crop, or neither."""

import numpy as np
import pytest

from kernfit import InvalidInput, correlate2d, learn, scene
from kernfit.scale.learning import learn_files
from kernfit.scale.workers import workers_at

APART = np.zeros((1, 41))
APART[0, [0, -1]] = 1.0, -1.0
DISK = (np.hypot(*np.mgrid[-17:18, -17:18]) <= 17) / 919.0
PICTURE = scene((160, 170)).astype(float)


def in_memory(x, y, **options):
    return learn(x, y, **options)


def in_parts(x, y, **options):
    with workers_at(None, 1) as workers:
        return learn_files(x, y, workers=workers, memory=1 << 30, **options)


def on_a_device(x, y, **options):
    torch = pytest.importorskip("torch")
    return learn(torch.tensor(x), torch.tensor(y), **options)


def in_chunks(x, y, **options):
    array = pytest.importorskip("dask.array")
    from kernfit.scale import learn as learn_chunks

    return learn_chunks(array.from_array(x, chunks=90), array.from_array(y, chunks=90), **options)


SOURCES = [in_memory, in_parts, on_a_device, in_chunks]


@pytest.mark.parametrize(
    ("kernel", "look"),
    [(APART, look) for look in SOURCES] + [(DISK, in_memory), (DISK, in_parts)],
)
def test_a_valid_result_of_any_size_is_learnt_exactly(kernel, look):
    y = correlate2d(PICTURE, kernel)
    fit = look(PICTURE, y)
    assert fit.kernel.shape == kernel.shape
    assert fit.offset is None
    assert np.abs(fit.kernel.taps - kernel).max() < 1e-9
    assert fit.status.code == "good"


@pytest.mark.parametrize("look", [in_memory, in_parts])
def test_a_difference_of_far_pixels_of_noise(look):
    x = np.random.default_rng(0).normal(size=(160, 160))
    y = correlate2d(x, APART) + np.random.default_rng(1).normal(0, 0.1, (160, 120))
    fit = look(x, y)
    assert fit.kernel.shape == (1, 41)
    assert np.all(np.abs(fit.kernel.taps - APART) < 5 * fit.stderr)


@pytest.mark.parametrize("sides", [31, 32])
@pytest.mark.parametrize("look", SOURCES)
def test_sizes_around_the_one_up_to_which_no_crop_is_looked_for(sides, look):
    kernel = np.random.default_rng(2).normal(size=(1, sides))
    fit = look(PICTURE, correlate2d(PICTURE, kernel))
    assert fit.kernel.shape == (1, sides)
    assert np.abs(fit.kernel.taps - kernel).max() < 1e-8


@pytest.mark.parametrize("look", [in_memory, on_a_device])
@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_a_crop_is_still_one(noise, look):
    kernel = np.array([[0.0, 0.2, 0.1], [0.1, 0.3, 0.1], [0.0, 0.1, 0.1]])
    y = correlate2d(PICTURE, kernel, mode="same", boundary="edge")
    y = (y + np.random.default_rng(3).normal(0, noise, y.shape))[20:140, 31:150]
    fit = look(PICTURE, y, shape=3)
    assert fit.offset == (20, 31)
    found = look(PICTURE, y)
    assert found.offset == (20, 31)
    assert found.kernel.shape == (3, 3)
    assert np.abs(found.kernel.taps - kernel).max() < (0.05 if noise else 1e-9)


def test_what_is_neither_is_refused():
    other = np.random.default_rng(4).normal(size=(130, 135))
    with pytest.raises(InvalidInput, match="no place where they are alike"):
        learn(PICTURE, other)
    for look in (in_parts, in_chunks):
        with pytest.raises(InvalidInput, match="or lack as many pixels as a kernel does"):
            look(PICTURE, other[:90, :90])
    with pytest.raises(InvalidInput, match="no place where they are alike"):
        learn(PICTURE, other, shape=3)


def test_a_list_of_arrays_of_another_library_is_several_pairs():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    kernel = np.array([[0.0, 1.0, 0.5], [-2.0, 3.0, -0.5]])
    befores = [rng.normal(size=size) for size in ((50, 60), (41, 70), (50, 60))]
    afters = [
        correlate2d(x, kernel) + rng.normal(0, 0.1, (x.shape[0] - 1, x.shape[1] - 2))
        for x in befores
    ]
    expected = learn(befores, afters)
    fit = learn([torch.tensor(x) for x in befores], [torch.tensor(y) for y in afters])
    assert fit.kernel.shape == (2, 3)
    assert fit.used == expected.used
    assert np.allclose(fit.kernel.taps, expected.kernel.taps, atol=1e-12)
    assert np.allclose(fit.stderr, expected.stderr, rtol=1e-9)
    with pytest.raises(InvalidInput, match="got the same images as pairs 1 and 2"):
        learn([torch.tensor(befores[0])] * 2, [torch.tensor(afters[0])] * 2)
    with pytest.raises(InvalidInput, match="equally many images, got 3 and 2"):
        learn([torch.tensor(x) for x in befores], [torch.tensor(y) for y in afters[:2]])

"""Learn from Dask arrays: the answer of arrays, whatever the chunks and the scheduler."""

import numpy as np
import pytest
from pictures import pair
from test_learn_files import assert_same

from kernfit import InvalidInput, Statistics, learn

da = pytest.importorskip("dask.array")
from kernfit import scale  # noqa: E402

pytestmark = pytest.mark.slow

BEFORE, AFTER = pair((330, 270))
CHUNKS = [(330, 270), (100, 90), (330, 13), ((100, 1, 229), (4, 266))]


def close(found, expected):
    """Two sets of statistics agree to 1e-12."""
    assert (found.count, found.shape, found.anchor) == (
        expected.count,
        expected.shape,
        expected.anchor,
    )
    for name in ("gram", "cross", "energy"):
        value = getattr(expected, name)
        np.testing.assert_allclose(
            getattr(found, name), value, rtol=1e-12, atol=1e-12 * np.abs(value).max()
        )


@pytest.mark.parametrize("chunks", CHUNKS)
def test_statistics_do_not_depend_on_the_chunks(chunks):
    clip = (-np.inf, np.inf)
    expected = Statistics.of(BEFORE, AFTER[1:-1, 2:-2], (3, 5))
    lazily = scale.statistics(
        da.from_array(BEFORE, chunks), da.from_array(AFTER, 75), (3, 5), clip=clip
    )
    close(lazily.compute(), expected)


def test_sums_are_a_tree():
    lazily = scale.statistics(da.from_array(BEFORE, 20), da.from_array(AFTER, 20), 3)
    needs = lazily.__dask_graph__().get_all_dependencies()
    assert max(len(n) for key, n in needs.items() if "tree" in str(key)) <= 8
    assert sum("kernfit-sum" in str(key) for key in needs) == 17 * 14


@pytest.mark.parametrize("chunks", CHUNKS)
def test_the_answer_does_not_depend_on_the_chunks(chunks):
    found = scale.learn(da.from_array(BEFORE, chunks), da.from_array(AFTER, (80, 270)))
    assert_same(found, learn(BEFORE, AFTER))


def test_masks_channels_and_valid_results():
    mask = np.ones(AFTER.shape, bool)
    mask[100:200, 50:] = False
    found = scale.learn(
        da.from_array(BEFORE, 90), da.from_array(AFTER, 100), mask=mask, shape=(3, 5)
    )
    assert_same(found, learn(BEFORE, AFTER, mask=mask, shape=(3, 5)))
    inside = AFTER[1:-1, 2:-2]
    found = scale.learn(da.from_array(BEFORE, 90), da.from_array(inside, 100))
    assert_same(found, learn(BEFORE, inside))
    options = {"shape": 5, "constraints": "sum-to-one"}
    found = scale.learn(da.from_array(BEFORE, 90), da.from_array(AFTER, 100), **options)
    assert_same(found, learn(BEFORE, AFTER, **options))
    before, after = pair((2, 200, 150))
    options = {"channels": "full", "shape": (3, 5)}
    found = scale.learn(
        da.from_array(before, (1, 90, 90)), da.from_array(after, (2, 60, 70)), **options
    )
    assert_same(found, learn(before, after, **options))


def test_variances_on_either_side():
    rng = np.random.default_rng(0)
    level = 1 + 4 * rng.random(AFTER.shape)
    after = AFTER + rng.normal(size=AFTER.shape) * np.sqrt(level)
    before = BEFORE + rng.normal(size=BEFORE.shape)
    images = da.from_array(before, 90), da.from_array(after, 100)
    for noise in (1.0, np.full(before.shape, 0.9)):
        options = {"shape": (3, 5), "variance": level, "before_variance": noise}
        assert_same(scale.learn(*images, **options), learn(before, after, **options))
    found = scale.statistics(*images, 3, variance=level, before_variance=1.0)
    assert found.compute().noise is not None


def test_any_scheduler_and_labels():
    dask = pytest.importorskip("dask")
    xr = pytest.importorskip("xarray")
    before, after = (
        xr.DataArray(da.from_array(image, 150), dims=("y", "x")) for image in (BEFORE, AFTER)
    )
    expected = learn(BEFORE, AFTER, shape=(3, 5))
    for scheduler in ("sync", "threads", "processes"):
        with dask.config.set(scheduler=scheduler, num_workers=2):
            assert_same(scale.learn(before, after, shape=(3, 5)), expected)


def test_what_does_not_fit_is_refused():
    image = da.from_array(BEFORE, 90)
    with pytest.raises(InvalidInput, match="after must not be larger than before"):
        scale.learn(image[1:], image)
    with pytest.raises(InvalidInput, match="mask must be boolean"):
        scale.learn(image, image, mask=BEFORE)
    with pytest.raises(InvalidInput, match="before must have shape"):
        scale.learn(da.zeros((1, 1, 5, 5)), image)
    with pytest.raises(InvalidInput, match="most of them as missing"):
        scale.learn(image, da.full(image.shape, np.nan, chunks=50), shape=3)

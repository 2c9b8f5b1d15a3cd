"""Dask arrays: the result of the whole, whatever the chunks and the scheduler; labels are kept."""

import numpy as np
import pytest
from pictures import one_layer, texture

import kernfit
from kernfit import InvalidInput, Kernel
from kernfit.see import LayerSpec, tile_plan

da = pytest.importorskip("dask.array")
from kernfit import scale  # noqa: E402
from kernfit.scale.chunks import rim  # noqa: E402

pytestmark = pytest.mark.slow

IMAGE = np.rint(texture((97, 83))).astype(np.uint8)
KERNEL = np.random.default_rng(5).normal(size=(4, 7))
CHUNKS = [(97, 83), (20, 30), (1, 83), (97, 2), ((50, 3, 1, 43), (7, 1, 1, 74))]


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("mode", ["valid", "same", "full"])
@pytest.mark.parametrize("boundary", ["constant", "edge", "reflect", "wrap"])
def test_any_chunks_give_the_same_bits(chunks, mode, boundary):
    options = {"mode": mode, "boundary": boundary, "method": "direct"}
    result = scale.correlate2d(da.from_array(IMAGE, chunks), KERNEL, **options)
    expected = kernfit.correlate2d(IMAGE, KERNEL, **options)
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(result.compute(scheduler="sync"), expected)
    if mode == "same":
        assert result.chunks == da.from_array(IMAGE, chunks).chunks


@pytest.mark.parametrize("stride", [1, (2, 3)])
@pytest.mark.parametrize("dilation", [1, (3, 2)])
def test_strides_dilations_and_batches(stride, dilation):
    image = np.stack([IMAGE, IMAGE[::-1]])[:, np.newaxis]
    options = {"stride": stride, "dilation": dilation, "padding": ((3, 9), (0, 4))}
    options["method"] = "direct"  # of others the best may be another for a chunk than for the whole
    result = scale.correlate2d(da.from_array(image, (1, 1, 17, 19)), KERNEL, **options)
    np.testing.assert_array_equal(result, kernfit.correlate2d(image, KERNEL, **options))


def test_channels_are_mixed():
    image = np.stack([IMAGE, IMAGE[::-1], IMAGE[:, ::-1]])
    kernel = Kernel(np.random.default_rng(0).normal(size=(2, 3, 3, 4)), bias=[1.0, 2.0])
    options = {"mode": "same", "boundary": "symmetric", "method": "direct"}
    result = scale.correlate2d(da.from_array(image, (1, 40, 40)), kernel, **options)
    assert result.chunks[0] == (2,)
    np.testing.assert_array_equal(result, kernfit.correlate2d(image, kernel, **options))


def test_masks_and_nan():
    image = IMAGE.astype(np.float32)
    image[40, 40] = np.nan
    mask = np.ones(IMAGE.shape, bool)
    mask[10:20, 30:31] = False
    options = {"mode": "same", "nan": "omit"}
    for given in (mask, da.from_array(mask, 13)):
        found = scale.correlate2d(da.from_array(image, 25), np.ones((3, 3)), mask=given, **options)
        expected = kernfit.correlate2d(image, np.ones((3, 3)), mask=mask, **options)
        np.testing.assert_array_equal(found, expected)
    stack = np.stack([image, image])
    found = scale.correlate2d(da.from_array(stack, (1, 25, 25)), np.ones((3, 3)), mask=mask)
    np.testing.assert_array_equal(found, kernfit.correlate2d(stack, np.ones((3, 3)), mask=mask))


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_any_scheduler_gives_the_same_bits(scheduler):
    result = scale.correlate2d(da.from_array(IMAGE, (31, 40)), KERNEL, mode="same")
    expected = kernfit.correlate2d(IMAGE, KERNEL, mode="same")
    np.testing.assert_array_equal(result.compute(scheduler=scheduler, num_workers=2), expected)


def test_neighbours_give_their_rims_only():
    """No task but its own takes a whole chunk; so little goes from worker to worker."""
    image = da.from_array(np.zeros((300, 300)), 100)
    result = scale.correlate2d(image, np.ones((5, 7)), mode="same")
    needs = result.__dask_graph__().get_all_dependencies()
    for key in (key for key in needs if isinstance(key, tuple) and key[0] == result.name):
        assert {k for k in needs[key] if k[0] == image.name} == {(image.name, *key[1:])}
        assert len(needs[key]) in (4, 6, 9)
    sides = rim(np.zeros((100, 100)), 2, 3)
    assert [side.shape for side in sides] == [(2, 100), (2, 100), (100, 3), (100, 3)]
    assert all(side.base is None for side in sides)


def test_graphs_are_small():
    image = da.zeros((200 * 16, 200 * 16), chunks=200)
    result = scale.correlate2d(image, KERNEL, mode="same")
    # A rim and a tile for each chunk besides its own task.
    assert len(result.__dask_graph__()) <= 3 * 256


def test_labels_are_kept():
    xr = pytest.importorskip("xarray")
    coords = {"band": ["r", "g"], "y": np.arange(97) * 10.0, "x": np.arange(83), "time": 3}
    image = xr.DataArray(
        da.from_array(np.stack([IMAGE, IMAGE]), (1, 30, 30)),
        dims=("band", "y", "x"),
        coords={**coords, "lat": (("y", "x"), np.ones((97, 83)))},
        attrs={"unit": "counts"},
        name="sky",
    )
    same = scale.correlate2d(image, KERNEL, mode="same")
    assert same.coords.equals(image.coords)
    assert (same.attrs, same.name, same.dims) == (image.attrs, image.name, image.dims)
    valid = scale.correlate2d(image, np.ones((3, 5)), stride=(2, 1))
    np.testing.assert_array_equal(valid.y, np.arange(1, 96, 2) * 10)
    np.testing.assert_array_equal(valid.x, np.arange(2, 81))
    np.testing.assert_array_equal(
        valid, kernfit.correlate2d(np.stack([IMAGE, IMAGE]), np.ones((3, 5)), stride=(2, 1))
    )
    full = scale.correlate2d(image, np.ones((3, 5)), mode="full")
    assert set(full.coords) == {"band", "time"}
    mixed = scale.correlate2d(image, Kernel(np.ones((3, 2, 1, 1))))
    assert set(mixed.coords) == {"y", "x", "lat", "time"}


def test_feature_maps_of_kernels():
    kernels = [Kernel(KERNEL), Kernel(np.ones((2, 1, 3, 3)), bias=[1.0, 2.0])]
    found = scale.feature_maps(kernels, da.from_array(IMAGE, (40, 50)), divide=255)
    np.testing.assert_allclose(found, kernfit.feature_maps(kernels, IMAGE, divide=255), atol=1e-12)
    layers = [[Kernel(KERNEL), Kernel(KERNEL[::-1])], [Kernel(np.ones((3, 2, 2, 3)))]]
    for layer in (None, "layer1", "layer1:1"):
        found = scale.feature_maps(layers, da.from_array(IMAGE, (40, 50)), layer)
        expected = kernfit.feature_maps(layers, IMAGE, layer)
        np.testing.assert_allclose(found, expected, atol=1e-9)
    with pytest.raises(InvalidInput, match="tile must be left out for kernels"):
        scale.feature_maps(kernels, da.zeros((5, 5)), tile=3)


def blur(x):
    return (x[:, :-2:2, 1:-1] + x[:, 2::2, 2:]) / 2


def test_models_in_tiles():
    layers = [LayerSpec((3, 3), stride=(2, 1))]
    for chunks in ((97, 83), (20, 30), ((60, 37), (11, 72))):
        image = da.from_array(IMAGE, chunks)
        plan = tile_plan(layers, IMAGE.shape, tile=40)
        found = scale.run_tiled(blur, image, plan=plan)
        np.testing.assert_array_equal(found, blur(IMAGE[np.newaxis].astype(np.float32)))
        assert found.chunks[1] == tuple(s.last - s.first for s in plan.rows)


def test_an_onnx_model_in_the_image_s_chunks():
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    model = one_layer()
    found = scale.run_tiled(model, da.from_array(IMAGE, (40, 30)))
    np.testing.assert_allclose(found, kernfit.run_tiled(model, IMAGE), rtol=1e-5, atol=1e-4)
    assert found.chunks[1:] == ((40, 40, 17), (30, 30, 23))


def test_what_does_not_fit_is_refused():
    image = da.from_array(IMAGE, 40)
    with pytest.raises(InvalidInput, match="mode must be one of"):
        scale.correlate2d(image, KERNEL, mode="all")
    with pytest.raises(InvalidInput, match="threads must be left out"):
        scale.correlate2d(image, KERNEL, threads=2)
    with pytest.raises(InvalidInput, match="mask must have shape"):
        scale.correlate2d(image, KERNEL, mask=np.ones((3, 3), bool))
    with pytest.raises(InvalidInput, match="mask must be boolean"):
        scale.correlate2d(image, KERNEL, mask=IMAGE)
    with pytest.raises(InvalidInput, match="the kernel must fit"):
        scale.correlate2d(image[:2], KERNEL)
    with pytest.raises(InvalidInput, match="image must know its shape"):
        scale.correlate2d(image[da.from_array(np.arange(97) > 5, 40)], KERNEL)
    with pytest.raises(InvalidInput, match="image must hold numbers"):
        scale.correlate2d(np.array([["a"]]), KERNEL)

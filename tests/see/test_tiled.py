"""Tiled inference equals whole-image inference, to the last bit."""

import os

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx_models

from kernfit import InvalidInput, RefusedFile, run_tiled, tile_plan
from kernfit.frameworks.registry import graph_of, runner_for
from kernfit.graph.halo import clean_elements, plan_axis

pytestmark = pytest.mark.slow

NETWORKS = {
    "plain": onnx_models.plain(),
    "residual": onnx_models.residual(),
    "unet": onnx_models.unet(),
    "dilated": onnx_models.dilated(),
    "inception": onnx_models.inception(),
    "upsampled": onnx_models.upsampled(),
}
# 3000 x 2000 pixels for all 20 tile sizes, which takes some minutes.
FULL = "KERNFIT_FULL" in os.environ


def picture(rows, columns, channels=1):
    rng = np.random.default_rng(rows)
    return rng.integers(0, 4, (channels, rows, columns)).astype(np.float32)


def whole(model, image):
    return runner_for(model)[0](image)


def check(network, shape, tiles, pad=None):
    model, image = NETWORKS[network], picture(*shape)
    more = [(-n % 4 if pad else 0) for n in shape]
    extended = np.pad(image, ((0, 0), (0, more[0]), (0, more[1])), mode=pad or "edge")
    expected = whole(model, extended)
    if pad:
        expected = expected[:, : shape[0], : shape[1]]
    assert np.ptp(expected) > 20  # something is there to compare
    for tile in tiles:
        got = run_tiled(model, image, tile=tile, pad=pad)
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, expected, err_msg=f"tile {tile}")


def random_tiles(count, largest):
    rng = np.random.default_rng(5)
    return [tuple(int(n) for n in rng.integers(70, largest, 2)) for _ in range(count)]


@pytest.mark.parametrize("network", NETWORKS)
def test_20_tile_sizes_on_an_odd_image(network):
    shape = (300, 203) if network not in ("unet", "upsampled") else (300, 204)
    check(network, shape, random_tiles(20, 260))


@pytest.mark.parametrize("network", ["unet", "residual", "dilated"])
def test_a_large_image(network):
    check(network, (3000, 2000), random_tiles(20 if FULL else 1, 1200))


def test_a_model_that_takes_multiples_of_4_only():
    check("unet", (301, 203), [(96, 64), 100], pad="reflect")
    with pytest.raises(InvalidInput, match="does not take an image of 301 rows: at Concat .*pad="):
        tile_plan(NETWORKS["unet"], (301, 204))


def test_an_image_smaller_than_a_tile():
    plan = tile_plan(NETWORKS["residual"], (37, 41), tile=512)
    assert (plan.count, plan.tile) == (1, (37, 41))
    check("residual", (37, 41), [512])


@pytest.mark.parametrize("network", NETWORKS)
def test_small_images_of_every_size(network):
    """Borders and corners: every remainder of the strides, tiles hardly larger than the halo."""
    for rows in range(48, 64, 4 if network in ("unet", "upsampled", "dilated") else 3):
        check(network, (rows, 52), [(24, 33)])


def test_a_halo_one_pixel_short_is_seen():
    """The comparison above can fail."""
    from dataclasses import replace

    model, image = NETWORKS["plain"], picture(100, 40)
    plan = tile_plan(model, (100, 40), tile=60)
    rows = tuple(
        replace(s, start=s.start + (s.start > 0), skip=s.skip - (s.start > 0)) for s in plan.rows
    )
    short = run_tiled(model, image, plan=replace(plan, rows=rows))
    assert not np.array_equal(short, whole(model, image))
    np.testing.assert_array_equal(run_tiled(model, image, plan=plan), whole(model, image))


@pytest.mark.parametrize("network", ["unet", "residual", "dilated"])
def test_weights_of_any_value_stay_within_rounding(network):
    model = getattr(onnx_models, network)(whole=False)
    image = np.random.default_rng(0).normal(size=(1, 256, 240)).astype(np.float32)
    expected = whole(model, image)
    got = run_tiled(model, image, tile=(130, 100))
    assert np.abs(got - expected).max() <= 1e-5 * np.abs(expected).max()


def test_the_plan_of_a_u_net():
    plan = tile_plan(NETWORKS["unet"], (1024, 1024), tile=256)
    assert plan.grid == (4, 4)
    assert plan.tile == (256, 256)
    assert plan.count == len(plan.tiles()) == 25
    assert plan.rows[0].start == 0
    assert plan.rows[-1].stop == 1024
    kept = [n for strip in plan.rows for n in range(strip.first, strip.last)]
    assert kept == list(range(1024))


@pytest.mark.parametrize("network", ["plain", "unet", "dilated"])
def test_the_halo_for_bioimageio_is_enough_and_a_step_less_is_not(network):
    graph = graph_of(NETWORKS[network], shape=(1024, 1024))
    plan = tile_plan(NETWORKS[network], (1024, 1024), tile=256)
    halo, step = plan.bioimageio_halo[0], plan.grid[0]
    axis = plan_axis(graph, graph.output, 0, 1024)
    clean = clean_elements(axis, 400, 656)[graph.output]
    assert clean[halo:-halo].all()
    assert not clean[halo - step : -(halo - step)].all()


def test_memory_chooses_the_tile():
    small = tile_plan(NETWORKS["unet"], (4000, 4000), memory=4 * 2**20)
    large = tile_plan(NETWORKS["unet"], (4000, 4000), memory=64 * 2**20)
    assert small.bytes_needed <= 4 * 2**20 < large.bytes_needed <= 64 * 2**20
    assert tile_plan(NETWORKS["unet"], (400, 400)).count == 1
    with pytest.raises(InvalidInput, match="memory must hold a tile of .* got 1000"):
        tile_plan(NETWORKS["unet"], (4000, 4000), memory=1000)
    with pytest.raises(InvalidInput, match="tile and memory must not both"):
        tile_plan(NETWORKS["unet"], (4000, 4000), memory=2**20, tile=9)


def test_what_cannot_be_tiled_names_the_node():
    m = onnx_models.Model()
    x = m.conv("image", 2)
    gate = m.op("GlobalAveragePool", x, name="squeeze")
    model = m.build(m.op("Mul", x, gate))
    with pytest.raises(InvalidInput, match="node 'squeeze' .GlobalAveragePool. needs all of the"):
        tile_plan(model, (100, 100), tile=50)
    m = onnx_models.Model()
    x = m.resize(
        "image", mode="linear", coordinate_transformation_mode="align_corners", name="corners"
    )
    with pytest.raises(InvalidInput, match="node 'corners' .*align_corners"):
        tile_plan(m.build(x), (100, 100), tile=50)


def test_wrong_plans_and_files_are_refused(tmp_path):
    image, model = picture(64, 64), NETWORKS["plain"]
    plan = tile_plan(model, (64, 60), tile=32)
    with pytest.raises(InvalidInput, match=r"plan must be for an image of \(64, 64\)"):
        run_tiled(model, image, plan=plan)
    with pytest.raises(RefusedFile, match=r"must end in one of \.npy"):
        run_tiled(model, image, tmp_path / "y.png", tile=32)
    with pytest.raises(RefusedFile, match="must lie in a folder that exists"):
        run_tiled(model, image, tmp_path / "no" / "y.npy", tile=32)
    with pytest.raises(InvalidInput, match="a size in it is fixed"):
        run_tiled(lambda x: x[:, :9, :9], image[0], plan=tile_plan(model, (64, 64), tile=32))
    assert list(tmp_path.iterdir()) == []

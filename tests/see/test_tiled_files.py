"""Tiles from files to files: formats, interruption, resumption."""

import numpy as np
import pytest
import tifffile

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx_models

from kernfit import InvalidInput, RefusedFile, run_tiled, tile_plan
from kernfit.io.images import write_image
from kernfit.io.pixels import open_pixels

MODEL = onnx_models.residual()
SHAPE = (301, 203)
IMAGE = np.random.default_rng(0).integers(0, 5, SHAPE).astype(np.uint8)
WHOLE = run_tiled(MODEL, IMAGE, tile=1000)


def read(path):
    if path.suffix == ".zarr":
        import zarr

        return zarr.open_array(str(path), mode="r")[:]
    return np.load(path) if path.suffix == ".npy" else tifffile.imread(path)


def written(path, pixels):
    if path.suffix == ".zarr":
        import zarr

        zarr.create_array(str(path), data=pixels, chunks=(64,) * pixels.ndim)
    else:
        write_image(path, pixels)
    return path


class Interrupted(Exception):
    pass


def stop_at(number):
    def progress(done, total):
        if done == number:
            raise Interrupted

    return progress


@pytest.mark.parametrize("suffix", [".npy", ".tif", ".zarr"])
def test_every_format_in_and_out(tmp_path, suffix):
    if suffix == ".zarr":
        pytest.importorskip("zarr")
    source = written(tmp_path / f"image{suffix}", IMAGE)
    assert run_tiled(MODEL, source, tmp_path / f"result{suffix}", tile=96) is None
    np.testing.assert_array_equal(read(tmp_path / f"result{suffix}"), WHOLE)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"image{suffix}", f"result{suffix}"]


@pytest.mark.parametrize("colours", [False, True])
@pytest.mark.parametrize("how", [{"tile": (64, 48)}, {"rowsperstrip": 20}], ids=["tiles", "strips"])
def test_compressed_tiff_in_and_out_a_part_at_a_time(tmp_path, how, colours, monkeypatch):
    model = onnx_models.plain(channels=3) if colours else MODEL
    pixels = np.stack([IMAGE, IMAGE[::-1], 4 - IMAGE], -1) if colours else IMAGE
    source, target = tmp_path / "x.tif", tmp_path / "y.tif"
    kind = "rgb" if colours else "minisblack"
    tifffile.imwrite(source, pixels, compression="zlib", predictor=True, photometric=kind, **how)
    expected = run_tiled(model, np.moveaxis(pixels, -1, 0) if colours else pixels, tile=1000)

    def whole(*args, **more):
        raise AssertionError("the whole file is read")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", whole)
    with pytest.raises(Interrupted):
        run_tiled(model, source, target, tile=96, compress=True, progress=stop_at(3))
    run_tiled(model, source, target, tile=96, compress=True)
    monkeypatch.undo()
    np.testing.assert_array_equal(read(target), expected)
    with tifffile.TiffFile(target) as tiff:
        assert tiff.pages[0].is_tiled
        assert int(tiff.pages[0].compression) == 8
    assert target.stat().st_size < expected.nbytes
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.tif", "y.tif"]
    with pytest.raises(RefusedFile, match=r"must end in \.tif to be compressed"):
        run_tiled(model, source, tmp_path / "y.npy", compress=True)


def test_a_damaged_strip_is_named(tmp_path):
    tifffile.imwrite(tmp_path / "x.tif", IMAGE, compression="zlib", rowsperstrip=20)
    with tifffile.TiffFile(tmp_path / "x.tif") as tiff:
        offset = tiff.pages[0].dataoffsets[9]
    data = bytearray((tmp_path / "x.tif").read_bytes())
    data[offset : offset + 40] = b"x" * 40
    (tmp_path / "x.tif").write_bytes(data)
    with pytest.raises(RefusedFile, match=r"x\.tif is damaged at tile or strip 9 \("):
        run_tiled(MODEL, tmp_path / "x.tif", tile=96)


@pytest.mark.parametrize("suffix", [".npy", ".tif", ".zarr"])
def test_a_run_killed_half_way_goes_on(tmp_path, suffix):
    if suffix == ".zarr":
        pytest.importorskip("zarr")
    target = tmp_path / f"result{suffix}"
    count = tile_plan(MODEL, SHAPE, tile=96).count
    with pytest.raises(Interrupted):
        run_tiled(MODEL, IMAGE, target, tile=96, progress=stop_at(count // 2))
    assert not target.exists()
    seen = []
    run_tiled(MODEL, IMAGE, target, tile=96, progress=lambda done, total: seen.append(done))
    # The first is run again, to learn its channels; those that are there are not.
    assert seen == [count // 2, *range(count // 2 + 1, count + 1)]
    np.testing.assert_array_equal(read(target), WHOLE)
    assert [p.name for p in tmp_path.iterdir()] == [target.name]


def test_a_process_killed_half_way_goes_on(tmp_path):
    import os
    import subprocess
    import sys

    import onnx

    onnx.save(MODEL, tmp_path / "m.onnx")
    np.save(tmp_path / "x.npy", IMAGE)
    script = (
        "import os, sys; from kernfit import run_tiled\n"
        "def die(done, total):\n    if done == 5: os._exit(9)\n"
        "run_tiled('m.onnx', 'x.npy', 'y.npy', tile=96, progress=die)"
    )
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}
    )
    assert done.returncode == 9
    assert {p.name for p in tmp_path.iterdir()} == {
        "m.onnx", "x.npy", ".y.part.npy", ".y.npy.tiles", ".y.npy.lock"
    }  # fmt: skip
    seen = []
    model, image, target = (tmp_path / name for name in ("m.onnx", "x.npy", "y.npy"))
    run_tiled(model, image, target, tile=96, progress=lambda done, total: seen.append(done))
    assert seen[:2] == [5, 6]
    np.testing.assert_array_equal(np.load(target), WHOLE)
    assert {p.name for p in tmp_path.iterdir()} == {"m.onnx", "x.npy", "y.npy"}


@pytest.mark.parametrize("change", ["image", "tile", "model", "journal"])
def test_work_on_anything_else_is_not_taken_up(tmp_path, change):
    target = tmp_path / "y.npy"
    with pytest.raises(Interrupted):
        run_tiled(MODEL, IMAGE, target, tile=96, progress=stop_at(3))
    model, image, tile = MODEL, IMAGE, 96
    if change == "image":
        image = IMAGE + np.uint8(1)
    elif change == "tile":
        tile = 80
    elif change == "model":
        model = onnx_models.residual(seed=1)
    else:
        (tmp_path / ".y.npy.tiles").write_text("nonsense\n1\n2\n")
    run_tiled(model, image, target, tile=tile)
    np.testing.assert_array_equal(np.load(target), run_tiled(model, image, tile=1000))


def test_colours_and_levels(tmp_path):
    model = onnx_models.plain(channels=3)
    image = np.random.default_rng(0).integers(0, 255, (3, 70, 90)).astype(np.uint8)
    expected = run_tiled(model, image / np.float32(255), tile=200)
    for name in ("image.tif", "image.npy", "image.png"):
        write_image(tmp_path / name, image)
        got = run_tiled(model, tmp_path / name, tile=48, divide=255)
        np.testing.assert_allclose(got, expected, atol=1e-6)


def test_images_are_read_a_part_at_a_time(tmp_path):
    for pixels in (IMAGE, np.stack([IMAGE] * 3)):
        for suffix in (".tif", ".npy"):
            source = open_pixels(written(tmp_path / f"x{suffix}", pixels))
            assert not isinstance(source._source, np.ndarray)
            rows, columns = np.arange(5, 9), np.array([7, 7, 8])
            expected = pixels.reshape(-1, *SHAPE)[:, 5:9][:, :, [7, 7, 8]]
            np.testing.assert_array_equal(source.read(rows, columns), expected)


def test_what_is_no_image_is_refused(tmp_path):
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY nonsense")
    with pytest.raises(RefusedFile, match="is not a readable NPY file"):
        run_tiled(MODEL, tmp_path / "x.npy", tile=96)
    with pytest.raises(InvalidInput, match=r"image must have shape .* got \(3,\)"):
        run_tiled(MODEL, np.zeros(3), tile=96)
    with pytest.raises(InvalidInput, match="image must hold real numbers"):
        run_tiled(MODEL, np.zeros((9, 9), complex), tile=96)
    with pytest.raises(InvalidInput, match="ONNX Runtime must run the model"):
        run_tiled(MODEL, np.zeros((3, 99, 99)), tile=96)
    with pytest.raises(RefusedFile, match="does not exist"):
        run_tiled(MODEL, tmp_path / "no.tif", tile=96)
    pytest.importorskip("zarr")
    with pytest.raises(RefusedFile, match="is not a readable Zarr array"):
        run_tiled(MODEL, tmp_path / "no.zarr", tile=96)

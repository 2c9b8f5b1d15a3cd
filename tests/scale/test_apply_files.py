"""Apply from file to file in parts: every format, every boundary, interruption, little memory."""

import numpy as np
import pytest
import tifffile
from pictures import Interrupted, texture

from kernfit import InvalidInput, Kernel, RefusedFile, correlate2d
from kernfit.cli import main
from kernfit.io.images import read_image, write_image
from kernfit.io.pixels import open_pixels
from kernfit.scale.files import apply_file
from kernfit.scale.images import LargeImage
from kernfit.scale.windows import gather, pieces

IMAGE = np.rint(texture((533, 401))).astype(np.uint16)
KERNEL = np.random.default_rng(5).normal(size=(4, 5))
MEMORY = 10**9

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_tiles")]


def read(path):
    if path.suffix == ".zarr":
        return pytest.importorskip("zarr").open_array(str(path), mode="r")[:]
    return np.load(path) if path.suffix == ".npy" else tifffile.imread(path)


def ome(path, version, pixels):
    """Write pixels as the first level of an OME-Zarr image."""
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(str(path), mode="w", zarr_format=version)
    shape = (1,) * (5 - pixels.ndim) + pixels.shape
    group.create_array("0", shape=shape, dtype=pixels.dtype, chunks=(1, 1, 1, 64, 128))
    group["0"][:] = pixels.reshape(shape)
    scales = [{"axes": [{"name": name} for name in "tczyx"], "datasets": [{"path": "0"}]}]
    if version == 2:
        group.attrs["multiscales"] = scales
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": scales}
    return path


def written(folder, kind, pixels):
    """Write pixels as some kind of file that is read in parts."""
    if kind.startswith("zarr"):
        zarr = pytest.importorskip("zarr")
        path = folder / "image.zarr"
        zarr.create_array(
            str(path), data=pixels, chunks=(64,) * pixels.ndim, zarr_format=int(kind[-1])
        )
    elif kind.startswith("ome"):
        path = ome(folder / "image.ome.zarr", int(kind[-1]), pixels)
    elif kind == "tiled":
        pytest.importorskip("zarr")
        path = folder / "image.tif"
        tifffile.imwrite(path, pixels, tile=(64, 128), compression="zlib", bigtiff=True)
    elif kind == "fits":
        path = folder / "image.fits"
        pytest.importorskip("astropy.io.fits").PrimaryHDU(pixels).writeto(path)
    else:
        path = folder / f"image.{kind}"
        write_image(path, pixels)
    return path


@pytest.mark.parametrize("kind", ["zarr2", "zarr3", "ome2", "ome3", "tiled", "tif", "npy", "fits"])
def test_every_format_is_read_in_parts(tmp_path, workers, kind):
    path = written(tmp_path, kind, IMAGE)
    assert not isinstance(open_pixels(path)._source, np.ndarray)
    apply_file(KERNEL, path, tmp_path / "out.npy", workers=workers, memory=MEMORY)
    np.testing.assert_array_equal(read(tmp_path / "out.npy"), correlate2d(IMAGE, KERNEL))


@pytest.mark.parametrize("suffix", [".zarr", ".npy", ".tif"])
@pytest.mark.parametrize("mode", ["valid", "same", "full"])
def test_every_format_is_written_in_parts(tmp_path, workers, suffix, mode):
    if suffix == ".zarr":
        pytest.importorskip("zarr")
    out = tmp_path / f"out{suffix}"
    shape, dtype = apply_file(KERNEL, IMAGE, out, workers=workers, memory=MEMORY, mode=mode)
    expected = correlate2d(IMAGE, KERNEL, mode=mode)
    assert (shape, dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(read(out), expected)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize("boundary", ["edge", "reflect", "symmetric", "wrap", ("wrap", "constant")])
def test_every_boundary_with_steps(tmp_path, workers, boundary):
    options = {"padding": ((9, 2), (0, 13)), "boundary": boundary, "fill_value": 7}
    options |= {"stride": (2, 3), "dilation": (1, 2), "method": "direct"}
    apply_file(KERNEL, IMAGE, tmp_path / "o.npy", workers=workers, memory=MEMORY, **options)
    np.testing.assert_array_equal(read(tmp_path / "o.npy"), correlate2d(IMAGE, KERNEL, **options))


def test_channels_are_mixed_and_levels_saturate(tmp_path, workers):
    image = np.stack([IMAGE, IMAGE[::-1], IMAGE[:, ::-1]])
    weight = np.random.default_rng(0).normal(size=(2, 3, 3, 4))
    kernel = Kernel(weight, bias=[5.0, -30000.0])
    options = {"mode": "same", "boundary": "edge", "dtype": "uint8", "overflow": "saturate"}
    path = written(tmp_path, "npy", image)
    apply_file(kernel, path, tmp_path / "o.tif", workers=workers, memory=MEMORY, **options)
    np.testing.assert_array_equal(read(tmp_path / "o.tif"), correlate2d(image, kernel, **options))


def test_the_method_does_not_depend_on_the_tiles(tmp_path, workers):
    kernel = np.random.default_rng(0).normal(size=(33, 31)).astype(np.float32)
    image = IMAGE.astype(np.float32)
    apply_file(kernel, image, tmp_path / "o.npy", workers=workers, memory=MEMORY)
    expected = correlate2d(image, kernel)
    np.testing.assert_allclose(read(tmp_path / "o.npy"), expected, atol=2e-5 * expected.max())


@pytest.mark.parametrize("suffix", [".zarr", ".npy"])
def test_an_interrupted_run_goes_on(tmp_path, workers, suffix):
    if suffix == ".zarr":
        pytest.importorskip("zarr")
    out = tmp_path / f"out{suffix}"
    path = written(tmp_path, "npy", IMAGE)

    def stop(done, total):
        if done == 5:
            raise Interrupted

    with pytest.raises(Interrupted):
        apply_file(KERNEL, path, out, workers=workers, memory=MEMORY, progress=stop)
    assert not out.exists()
    seen = []
    apply_file(
        KERNEL, path, out, workers=workers, memory=MEMORY, progress=lambda *told: seen.append(told)
    )
    assert seen[0][0] == 5
    assert seen[-1][0] == seen[-1][1] == len(seen) + 4
    np.testing.assert_array_equal(read(out), correlate2d(IMAGE, KERNEL))
    # Another kernel begins anew.
    with pytest.raises(Interrupted):
        apply_file(KERNEL, path, tmp_path / "b.npy", workers=workers, memory=MEMORY, progress=stop)
    apply_file(-KERNEL, path, tmp_path / "b.npy", workers=workers, memory=MEMORY)
    np.testing.assert_array_equal(read(tmp_path / "b.npy"), correlate2d(IMAGE, -KERNEL))


def test_blocks_are_read_once_and_let_go(tmp_path):
    image = LargeImage(written(tmp_path, "npy", IMAGE), 0)
    image.block = (64, 401)
    reads = []
    box = image.pixels.box
    image.pixels.box = lambda rows, columns: reads.append(rows) or box(rows, columns)
    image.keep(3 * 64 * 401 * 2)
    for top in range(0, 500, 30):
        part = image.box((top, top + 33), (3, 300))
        np.testing.assert_array_equal(part[0], IMAGE[top : top + 33, 3:300])
    assert len(reads) == len(set(reads))
    assert sum(block.nbytes for block in image._kept.values()) <= 3 * 64 * 401 * 2


def test_windows_are_made_of_straight_pieces():
    sources = np.array([-1, -1, 0, 1, 2, 3, 4, 4, 4, 3, 0])
    found = [(p.to.start, p.to.stop, p.start, p.stop) for p in pieces(sources)]
    assert found == [(0, 2, -1, 0), (2, 10, 0, 5), (10, 11, 0, 1)]
    found = [(p.to.start, p.to.stop, p.start, p.stop) for p in pieces(sources, np.array([0, 3]))]
    assert found == [(0, 2, -1, 0), (2, 5, 0, 3), (5, 10, 3, 5), (10, 11, 0, 1)]
    image = np.arange(30).reshape(1, 5, 6)
    window = gather(
        lambda rows, columns: image[:, slice(*rows), slice(*columns)], 1, image.dtype,
        sources, np.array([5, 5, 1, 2, -1]), 99,
    )  # fmt: skip
    expected = np.pad(image[0], ((0, 1), (0, 1)), constant_values=99)[sources][:, [5, 5, 1, 2, -1]]
    np.testing.assert_array_equal(window[0], expected)


def test_too_little_memory_and_what_cannot_be_written(tmp_path, workers):
    with pytest.raises(InvalidInput, match=r"memory must be at least .* got 230 MB: give more"):
        apply_file(KERNEL, IMAGE, tmp_path / "o.npy", workers=workers, memory=230 * 10**6)
    with pytest.raises(RefusedFile, match=r"must end in one of \.npy"):
        apply_file(KERNEL, IMAGE, tmp_path / "o.png", workers=workers, memory=MEMORY)
    with pytest.raises(InvalidInput, match="the kernel must fit into the image"):
        apply_file(KERNEL, IMAGE[:3], tmp_path / "o.npy", workers=workers, memory=MEMORY)
    assert list(tmp_path.iterdir()) == []


def test_the_command_line(tmp_path, capsys):
    pytest.importorskip("zarr")
    source = written(tmp_path, "zarr3", IMAGE)
    Kernel(KERNEL).save(tmp_path / "k.json")
    arguments = ["apply", str(tmp_path / "k.json"), str(source)]
    assert main([*arguments, str(tmp_path / "o.zarr"), "--memory", "1GB"]) == 0
    assert "o.zarr: 533x401 uint16" in capsys.readouterr().out
    write_image(tmp_path / "image.png", IMAGE)
    assert main([*arguments[:2], str(tmp_path / "image.png"), str(tmp_path / "o.png")]) == 0
    np.testing.assert_array_equal(read(tmp_path / "o.zarr"), read_image(tmp_path / "o.png").pixels)
    assert main([*arguments, str(tmp_path / "p.zarr"), "--memory", "lots"]) == 2
    assert "--memory must be a size such as 1GB" in capsys.readouterr().err
    assert main([*arguments, str(tmp_path / "p.png")]) == 2
    assert "must end in one of" in capsys.readouterr().err

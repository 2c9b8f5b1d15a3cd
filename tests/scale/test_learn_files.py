"""Learn from files in parts: the answer is that of learning in memory."""

import numpy as np
import pytest
from pictures import Interrupted, pair

from kernfit import InvalidInput, correlate2d, learn
from kernfit.cli import main
from kernfit.io.images import write_image
from kernfit.learning.sums.origin import Sums
from kernfit.learning.sums.statistics import Statistics
from kernfit.scale.checkpoint import Checkpoint
from kernfit.scale.learning import learn_files, learn_several_files

MEMORY = 10**9
CLIP = (0.0, 40.0)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_tiles")]


def assert_same(found, expected):
    """Two fits say the same, up to the rounding of sums."""
    largest = np.abs(expected.kernel.weight).max()
    np.testing.assert_allclose(found.kernel.weight, expected.kernel.weight, atol=1e-12 * largest)
    np.testing.assert_allclose(found.kernel.bias, expected.kernel.bias, atol=1e-9)
    close = {"rtol": 1e-6, "atol": 1e-12 * largest}
    np.testing.assert_allclose(found.stderr, expected.stderr, **close)
    np.testing.assert_allclose(found.residual_rms, expected.residual_rms, rtol=1e-9)
    for name in ("used", "reproduced", "left_out", "status", "residual_floor", "offset"):
        assert getattr(found, name) == getattr(expected, name)


@pytest.mark.parametrize(
    "kind", ["levels", "noise", "gamma", "holes", "channels", "valid", "variances", "bright"]
)
def test_the_answer_is_that_in_memory(tmp_path, workers, kind):
    before, after = pair((3, 300, 260) if kind == "channels" else (520, 430))
    options, mask = {}, None
    if kind == "noise":
        after = after + np.random.default_rng(2).normal(size=after.shape).astype(np.float32)
    elif kind == "gamma":
        after = np.rint(255 * (after / 255) ** 0.5).astype(np.uint8)
    elif kind == "holes":
        before = before.astype(np.float32)
        # To the last bit: beside clipping, noise is left out in memory only, as the next test says.
        taps = np.random.default_rng(1).normal(size=(3, 5)).astype(np.float32)
        after = correlate2d(before, taps / np.abs(taps).sum(), mode="same", boundary="edge")
        after = np.clip(after, *CLIP)
        before[3, 7] = before[200:220, 100] = after[50:60, 300] = np.nan
        mask = np.ones(after.shape, np.uint8)
        mask[250:400, :200] = 0
        options["clip"] = CLIP
    elif kind == "channels":
        options["channels"] = "full"
        options["shape"] = 5
    elif kind == "valid":
        after = after[1:-1, 2:-2]
    elif kind == "variances":
        level = np.random.default_rng(3).random(after.shape) * 4 + 1
        after = after + np.random.default_rng(2).normal(size=after.shape) * np.sqrt(level)
        before = before + np.random.default_rng(4).normal(size=before.shape)
        level[40, 50:90] = np.inf
        np.save(tmp_path / "variance.npy", level)
        options |= {"variance": level, "before_variance": 1.0, "shape": (3, 5)}
    elif kind == "bright":
        options["clip_before"] = (60, 180)
        np.save(tmp_path / "noise.npy", np.full(before.shape, 0.001, np.float32))
        options["before_variance"] = np.load(tmp_path / "noise.npy")
    given = None if mask is None else mask > 0
    expected = learn(before, after, mask=given, **options)
    for name, pixels in (("before", before), ("after", after), ("mask", mask)):
        if pixels is not None:
            np.save(tmp_path / f"{name}.npy", pixels)
    if kind == "variances":
        options["variance"] = tmp_path / "variance.npy"
    elif kind == "bright":
        options["before_variance"] = tmp_path / "noise.npy"
    found = learn_files(
        tmp_path / "before.npy",
        tmp_path / "after.npy",
        mask=None if mask is None else tmp_path / "mask.npy",
        workers=workers,
        memory=MEMORY,
        **options,
    )
    assert_same(found, expected)
    if kind == "gamma":
        assert expected.status.code == "misfit"


def test_noise_beside_clipping_is_said(workers):
    before, after = pair()
    after = np.clip(after + np.random.default_rng(2).normal(size=after.shape), *CLIP)
    options = {"shape": (3, 5), "clip": CLIP}
    found = learn_files(before, after, workers=workers, memory=MEMORY, **options)
    assert any("clipped ones have lost part of their noise" in note for note in found.notes)
    assert learn(before, after, **options).left_out["near clipped"] > 0


@pytest.mark.parametrize("kind", ["levels", "noise"])
def test_several_pairs_share_a_kernel(tmp_path, workers, kind):
    pairs = [pair((300 + 40 * n, 260)) for n in range(3)]
    rng = np.random.default_rng(2)
    pairs = [(before[n:], after[n:]) for n, (before, after) in enumerate(pairs)]
    masks = None
    if kind == "noise":
        pairs = [(x, y + rng.normal(size=y.shape)) for x, y in pairs]
        masks = [rng.random(y.shape) > 0.1 for _, y in pairs]
    before, after = zip(*pairs, strict=True)
    expected = learn(list(before), list(after), mask=masks)
    names = []
    for n, images in enumerate(pairs):
        names.append([tmp_path / f"{side}{n}.npy" for side in ("x", "y")])
        for name, image in zip(names[-1], images, strict=True):
            np.save(name, image)
    found = learn_several_files(
        *zip(*names, strict=True),
        mask=None if masks is None else [mask.astype(np.uint8) for mask in masks],
        workers=workers,
        memory=MEMORY,
        keep=tmp_path / "sums",
    )
    assert_same(found, expected)
    assert len(list(tmp_path.iterdir())) == 6
    with pytest.raises(InvalidInput, match="got the same images as pairs 1 and 2"):
        learn_several_files([names[0][0]] * 2, [names[0][1]] * 2, workers=workers, memory=MEMORY)


def test_an_interrupted_run_goes_on_and_ends_with_the_same_bits(tmp_path, workers, monkeypatch):
    before, after = pair()
    monkeypatch.setattr("kernfit.scale.checkpoint._SECONDS", 0.0)
    monkeypatch.setattr("kernfit.scale.checkpoint.time.monotonic", lambda: 0.0)
    keep = tmp_path / "keep"
    seen = []

    def run(stop_at=None, **options):
        seen.clear()

        def told(*stage):
            seen.append(stage)
            if len(seen) == stop_at:
                raise Interrupted

        return learn_files(
            before, after, workers=workers, memory=MEMORY, keep=keep, progress=told, **options
        )

    expected = run(shape=5)
    steps = len(seen)
    assert not keep.exists()
    for _ in range(3):
        with pytest.raises(Interrupted):
            run(stop_at=steps // 4, shape=5)
    found = run(shape=5)
    assert len(seen) < steps // 2
    assert found.kernel == expected.kernel
    np.testing.assert_array_equal(found.covariance, expected.covariance)
    # Sums that were begun for something else are of no use.
    with pytest.raises(Interrupted):
        run(stop_at=steps // 2, shape=5)
    assert_same(run(shape=3), learn(before, after, shape=3))
    assert not keep.exists()


def test_sums_come_back_to_the_last_bit(tmp_path):
    first, second = (
        Statistics.of(np.random.default_rng(n).random((20, 30)), np.ones((18, 28)), 3)
        for n in (0, 1)
    )
    Checkpoint(tmp_path / "k", "a", (Statistics, Sums)).save(
        "x", 7, [first, None, second], {"masked": 3}, last=True
    )
    done, sums, counts = Checkpoint(tmp_path / "k", "a", (Statistics, Sums)).load("x")
    assert (done, counts, sums[1]) == (7, {"masked": 3}, None)
    for found, expected in ((sums[0], first), (sums[2], second)):
        np.testing.assert_array_equal(found.gram, expected.gram)
        assert (found.count, found.shape, found.anchor) == (18 * 28, (3, 3), (1, 1))
    assert Checkpoint(tmp_path / "k", "b", (Statistics, Sums)).load("x") == (0, [], {})


def test_what_cannot_be_learnt_is_said(workers):
    before, after = pair()
    options = {"workers": workers, "memory": MEMORY}
    with pytest.raises(InvalidInput, match="robust .* must have both images in memory"):
        learn_files(before, after, robust=True, **options)
    with pytest.raises(InvalidInput, match="after must have the size of before, or lack"):
        learn_files(before, after[100:, 100:], **options)
    with pytest.raises(InvalidInput, match="after must not be larger than before"):
        learn_files(before[1:], after, **options)
    with pytest.raises(InvalidInput, match="at least one pixel .* most of them as masked"):
        learn_files(before, after, mask=np.zeros(after.shape, np.uint8), shape=3, **options)
    with pytest.raises(InvalidInput, match="mask must have the after image's 520x430 pixels"):
        learn_files(before, after, mask=np.ones((3, 3), np.uint8), **options)
    with pytest.raises(InvalidInput, match="variance must have the after image's 520x430 pixels"):
        learn_files(before, after, variance=np.ones((3, 3)), **options)
    with pytest.raises(InvalidInput, match="variance must be positive, got 0"):
        learn_files(before, after, variance=np.zeros(after.shape), shape=3, **options)
    with pytest.raises(InvalidInput, match="before_variance must be a number or have the before"):
        learn_files(before, after, before_variance=np.ones((3, 3)), **options)
    with pytest.raises(InvalidInput, match="memory must be at least"):
        learn_files(before, after, workers=workers, memory=10**6)


def test_the_command_line(tmp_path, capsys, monkeypatch):
    zarr = pytest.importorskip("zarr")
    before, after = pair()
    for name, pixels in (("before", before), ("after", after)):
        zarr.create_array(str(tmp_path / f"{name}.zarr"), data=pixels, chunks=(100, 100))
        write_image(tmp_path / f"{name}.png", pixels)
    said = []
    for suffix, options in ((".png", []), (".zarr", []), (".zarr", ["--memory", "245MB"])):
        files = [str(tmp_path / f"{name}{suffix}") for name in ("before", "after")]
        if options:
            monkeypatch.setattr("kernfit.scale.images._WHOLE", 10**6)
        out = str(tmp_path / "k.json")
        assert main(["learn", *files, "-o", out, "--overwrite", "--threads", "1", *options]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] == said[2]
    assert "Every pixel lies within half a level" in said[0]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name[0] == ".") == []


@pytest.mark.parametrize("store", [".npy", ".zarr"])
def test_the_command_line_with_variances(tmp_path, capsys, monkeypatch, store):
    zarr = pytest.importorskip("zarr")
    before, after = pair()
    level = np.random.default_rng(3).random(after.shape) * 4 + 1
    after = after + np.random.default_rng(2).normal(size=after.shape) * np.sqrt(level)
    for name, pixels in (("before", before), ("after", after), ("level", level)):
        np.save(tmp_path / f"{name}.npy", pixels)
        zarr.create_array(str(tmp_path / f"{name}.zarr"), data=pixels, chunks=(100, 100))
    said = []
    for suffix, options in ((".npy", []), (store, ["--memory", "260MB"])):
        if options:
            monkeypatch.setattr("kernfit.scale.images._WHOLE", 10**6)
        files = [str(tmp_path / f"{name}{suffix}") for name in ("before", "after")]
        words = ["--variance", str(tmp_path / f"level{suffix}"), "--before-variance", "0.001"]
        words += ["--clip-before", "20", "230", "--shape", "3x5", "--threads", "1"]
        assert main(["learn", *files, *words, *options]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert main(["learn", *files, "--variance", "no.npy", *options]) == 2
    assert "no.npy" in capsys.readouterr().err


def test_the_command_line_with_several_pairs(tmp_path, capsys, monkeypatch):
    names = []
    for n in range(2):
        for side, image in zip("xy", pair((300, 200 + 90 * n)), strict=True):
            names.append(str(tmp_path / f"{side}{n}.npy"))
            np.save(names[-1], image)
    said = []
    for options in ([], ["--memory", "245MB"]):
        if options:
            monkeypatch.setattr("kernfit.scale.images._WHOLE", 10**6)
        assert main(["learn", *names, "--shape", "3x5", "--threads", "1", *options]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert "learnt from 2 pairs" in said[1]
    assert main(["learn", *names, "--stride", "2", *options]) == 2
    assert "--stride must come with images that fit into the memory" in capsys.readouterr().err

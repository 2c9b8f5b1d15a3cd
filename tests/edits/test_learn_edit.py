"""Chains found from pairs: the right stages, their numbers, and the way through files."""

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

import kernfit
from kernfit import Edit, InvalidInput, learn_edit
from kernfit.cli.app import app
from kernfit.edits.hue import Hue
from kernfit.edits.solve import polish
from kernfit.edits.tone import Tone
from kernfit.io.images import read_image

SIZE = (160, 240)


def picture(seed=1):
    """Blobs and edges of many colours and levels."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    image = np.zeros((3, *SIZE))
    for _ in range(160):
        row, column, radius = rng.uniform(0, SIZE[0]), rng.uniform(0, SIZE[1]), rng.uniform(3, 30)
        inside = (rows - row) ** 2 + (columns - column) ** 2 < radius**2
        image[:, inside] = rng.uniform(5, 250, 3)[:, None]
    image += rng.normal(0, 4, image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def whole(levels):
    return np.clip(np.rint(levels * 255), 0, 255).astype(np.uint8)


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_gains_are_found():
    x = picture()
    fit = learn_edit(x, whole(x / 255 * np.array([1.12, 1, 0.84])[:, None, None]))
    (stage,) = fit.stages
    assert stage.form == "gains"
    np.testing.assert_allclose(stage.numbers, [1.12, 1, 0.84], atol=5e-4)
    assert fit.status.code == "good"
    assert fit.sentences()[0].startswith("Copies the edit to within rounding")


def test_a_saturation_is_one_number():
    x = picture()
    luma = np.array([0.299, 0.587, 0.114])
    matrix = 0.6 * np.eye(3) + 0.4 * np.outer(np.ones(3), luma)
    fit = learn_edit(x, whole(np.tensordot(matrix, x / 255, 1)))
    (stage,) = fit.stages
    assert stage.form == "saturation"
    assert stage.luma == "601"
    np.testing.assert_allclose(stage.numbers, 0.6, atol=1e-3)


def test_a_gamma_is_found():
    x = picture()
    (stage,) = learn_edit(x, whole((x / 255) ** 0.8)).stages
    assert stage.form == "gamma"
    np.testing.assert_allclose(stage.numbers, 0.8, atol=1e-3)


def test_learnt_files_do_what_was_predicted(tmp_path):
    x = picture()
    before, after, out, file = (tmp_path / n for n in ("b.png", "a.png", "o.png", "e.json"))
    y = whole(x / 255 * np.array([1.12, 1, 0.84])[:, None, None])
    for path, pixels in ((before, x), (after, y)):
        Image.fromarray(np.moveaxis(pixels, 0, -1)).save(path)
    done = run("learn", before, after, "-o", file)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("Copies the edit to within rounding")
    assert run("apply", file, before, out).exit_code == 0
    made = read_image(out).pixels
    np.testing.assert_array_equal(made, Edit.load(file).apply(x))
    np.testing.assert_array_equal(made, learn_edit(x, y).predict(x))
    assert np.mean(made != y) < 0.01


def test_kernel_only_stays_with_one_kernel(tmp_path):
    x = picture()
    before, after, file = (tmp_path / n for n in ("b.png", "a.png", "k.json"))
    y = whole(x / 255 * np.array([1.12, 1, 0.84])[:, None, None])
    for path, pixels in ((before, x), (after, y)):
        Image.fromarray(np.moveaxis(pixels, 0, -1)).save(path)
    done = run("learn", before, after, "-o", file, "--kernel-only", "--shape", "3")
    assert done.exit_code == 0, done.output
    assert '"kernfit-kernel"' in file.read_text()


def test_an_edit_learnt_from_8_bits_is_done_to_16():
    x = picture()
    edit = learn_edit(x, whole(x / 255 * np.array([0.9, 1, 0.8])[:, None, None])).edit
    wide = x.astype(np.uint16) * 257
    np.testing.assert_allclose(edit.apply(wide)[0], wide[0] * edit.stages[0].numbers[0], atol=0.51)


def test_what_it_refuses():
    x = picture()
    with pytest.raises(InvalidInput, match="equal sizes"):
        learn_edit(x, x[:, :40, :30][:, ::-1] // 2 + picture(3)[:, :40, :30] // 2)
    with pytest.raises(InvalidInput, match="stages must be among"):
        learn_edit(x, x, stages=["magic"])
    with pytest.raises(InvalidInput, match="at least 100 pixels"):
        learn_edit(x[:, :9, :9], x[:, :9, :9])


def test_polishing_needs_no_good_start():
    from kernfit.edits.neighbours import Gaussian
    from kernfit.edits.parts import BLOCKS, Levels
    from kernfit.edits.tone import Tone
    from kernfit.edits.where import Where

    x = picture() / 255
    chain = (Tone("s-curve", ((0.07,),)), Gaussian(1.3, blurs=True))
    y = x
    for stage in chain:
        y = stage.apply(y, Where.whole(*SIZE))
    used = np.ones(SIZE, bool)
    pair = Levels(x, np.rint(y * 255) / 255, used, 1 / 255)
    start = (Tone.at_rest("s-curve"), Gaussian(0.8, blurs=True))
    found = polish(start, pair.parts_for(start, 20000), BLOCKS, steps=12).chain
    np.testing.assert_allclose(found[0].numbers, 0.07, atol=2e-4)
    np.testing.assert_allclose(found[1].numbers, 1.3, atol=2e-3)


def test_what_was_learnt_in_linear_light_is_applied_in_it(tmp_path):
    """The file holds the light: apply makes what the fit predicts, not a blur of the levels."""
    before = kernfit.scene((96, 128))
    blur = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
    light = Tone("to light").apply(before / 255.0, None)
    made = kernfit.correlate2d(light, blur, mode="same", boundary="edge")
    after = np.rint(255 * Tone("from light").apply(made, None)).astype(np.uint8)
    for name, image in (("before", before), ("after", after)):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    paths = [str(tmp_path / name) for name in ("before.png", "after.png", "k.json", "out.png")]
    run = CliRunner()
    learnt = run.invoke(app, ["learn", *paths[:2], "--transfer", "srgb", "-o", paths[2]])
    assert learnt.exit_code == 0, learnt.output
    applied = run.invoke(app, ["apply", paths[2], paths[0], paths[3]])
    assert applied.exit_code == 0, applied.output
    off = np.asarray(Image.open(paths[3])).astype(int) - after
    assert np.abs(off).max() <= 1
    assert np.mean(off != 0) < 0.02


def test_sliders_of_hue_are_found_though_levels_are_cut_off():
    x = picture()
    made = np.clip(Hue(0.95, 1.2, 0.04).apply(x / 255, None), 0, 1)
    fit = learn_edit(x, (255 * made).astype(np.uint8))
    (stage,) = fit.stages
    assert stage.kind == "hue"
    np.testing.assert_allclose(stage.numbers, [0.95, 1.2, 0.04], atol=2e-3)


def test_a_wide_blur_is_no_move():
    x = picture(4)
    after = gaussian_filter(x.astype(float), (0, 7, 7), mode="nearest", truncate=3)
    fit = learn_edit(x, np.rint(after).astype(np.uint8))
    assert [stage.kind for stage in fit.stages] == ["gaussian"]
    assert fit.stages[0].sigma == pytest.approx(7, abs=0.05)


def test_of_a_jpeg_with_coarse_colours_the_means_are_believed(tmp_path):
    x = picture(2)
    gains, plus = np.array([1.2, 1.1, 1.0])[:, None, None], -0.06
    Image.fromarray(np.moveaxis(whole(x / 255 * gains + plus), 0, -1)).save(
        tmp_path / "after.jpg", quality=85, subsampling=2
    )
    fit = learn_edit(x, read_image(tmp_path / "after.jpg").pixels)
    assert fit.sentences()[0].startswith("Copies the edit as far as an after image shows")
    other = picture(3)
    left = fit.edit.apply(other) - np.clip(other * gains + plus * 255, 0, 255)
    assert np.sqrt(np.mean(left**2)) < 2


@pytest.mark.slow
def test_colours_that_lean_on_each_other_are_a_table():
    def grade(image):
        levels = image / 255
        dark = 1 - levels.mean(axis=0)
        turned = levels + np.array([0.12, 0.02, -0.1])[:, None, None] * (1 - 2 * dark)
        return whole(turned - 0.15 * np.sin(np.pi * levels) * levels[::-1])

    fit = learn_edit(picture(5), grade(picture(5)))
    assert [stage.kind for stage in fit.stages] == ["look"]
    left = fit.edit.apply(picture(6)).astype(float) - grade(picture(6))
    assert np.sqrt(np.mean(left**2)) < 2  # of 18 where nothing is done

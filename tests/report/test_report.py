"""The report: one file that needs nothing, says what the fit says, and shows the true pixels."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageFilter

from kernfit import InvalidInput, Kernel, RefusedFile, correlate2d, learn, scene
from kernfit.report import Scene, views_of, write_report
from kernfit.report.recipes import Files, recipes_for
from kernfit.report.views import SPOT

pytestmark = pytest.mark.slow

VOID = {"meta", "img", "input", "br", "link", "path", "use", "rect", "line"}


class Page(HTMLParser):
    """Collects what a report is made of."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.words = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes), tuple(self.open)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes), tuple(self.open)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).replace("\N{NO-BREAK SPACE}", " ").split())

    def all(self, tag):
        return [attributes for name, attributes, _ in self.elements if name == tag]


def report_of(fit, tmp_path, *images, **options):
    path = tmp_path / "report.html"
    fit.report(path, *images, **options)
    return path.read_text(encoding="utf-8")


def pixels_of(address):
    kind, data = address.split(",", 1)
    assert kind.startswith("data:image/")
    return Image.open(io.BytesIO(base64.b64decode(data)))


@pytest.fixture(scope="module")
def sharpened():
    before = scene((300, 400))
    after = np.asarray(Image.fromarray(before).filter(ImageFilter.SHARPEN))
    return before, after, learn(before, after)


@pytest.fixture(scope="module")
def sharpened_page(sharpened, tmp_path_factory):
    before, after, fit = sharpened
    title = "a <b> & c"
    return report_of(fit, tmp_path_factory.mktemp("report"), before, after, title=title)


def test_it_needs_nothing_else(sharpened_page):
    page = Page(sharpened_page)
    for _, attributes, _ in page.elements:
        for name in ("src", "href", "xlink:href"):
            assert attributes.get(name, "data:").startswith(("data:", "#"))
    assert "http" not in sharpened_page.replace("http-equiv", "")
    assert not re.search(r"url\((?!#)|@import", sharpened_page)
    policy = page.all("meta")[1]
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert policy["content"].startswith("default-src 'none'")


def test_it_can_be_read_out(sharpened_page):
    page = Page(sharpened_page)
    assert page.open == []
    assert page.all("html")[0]["lang"] == "en"
    assert all(image["alt"] for image in page.all("img"))
    for drawing in page.all("svg"):
        assert drawing["role"] == "img"
        assert drawing["aria-label"]
    tables = [i for i, (tag, *_) in enumerate(page.elements) if tag == "table"]
    assert tables
    assert all(page.elements[i + 1][0] == "caption" for i in tables)
    levels = [int(tag[1]) for tag, *_ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    ids = [a["id"] for _, a, _ in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    for _, attributes, _ in page.elements:
        for name in ("href", "xlink:href", "for", "aria-labelledby", "data-copy"):
            if name in attributes:
                assert attributes[name].lstrip("#") in ids
    labelled = {label.get("for") for label in page.all("label")}
    for box in page.all("input"):
        assert "aria-label" in box or box["id"] in labelled


def test_it_says_what_the_fit_says(sharpened, sharpened_page):
    fit, page = sharpened[2], Page(sharpened_page)
    assert page.words[page.words.index("a <b> & c")]
    for sentence in fit.sentences():
        assert sentence in page.text
    assert f"{fit.used:,}" in page.text
    tap, error = fit.kernel.taps[1, 1], fit.stderr[1, 1]
    shown = re.search(rf"{tap:.5f}"[:5] + r"\d* ± ([\d.]+)", page.text)
    assert float(shown.group(1)) == pytest.approx(error, rel=0.05)
    assert "MTF" in page.text
    assert "every tap is determined" in page.text
    found = re.search(r'id="kernfit-answer">(.*?)</script>', sharpened_page, re.DOTALL).group(1)
    assert json.loads(found) == json.loads(json.dumps(fit.to_dict()))
    assert json.loads(found)["recognition"]["matches"][0]["name"] == "pillow_sharpen"


def test_the_recipes_stand_in_it(sharpened, sharpened_page):
    page = Page(sharpened_page)
    recipes = recipes_for(sharpened[2].kernel, Files(255, False))
    assert len(recipes) == 7
    for recipe in recipes:
        assert recipe.text in page.words


def test_the_spots_hold_the_images_own_pixels(sharpened, sharpened_page):
    before, after, fit = sharpened
    page = Page(sharpened_page)
    images = [a for a in page.all("img") if "most detail" in a["alt"]]
    places = re.search(r"pixels from row ([\d,]+), column ([\d,]+): most detail", page.text)
    row, column = (int(n.replace(",", "")) for n in places.groups())
    here = np.s_[row : row + SPOT, column : column + SPOT]
    pictures = [pixels_of(image["src"]) for image in images]
    assert np.array_equal(np.asarray(pictures[0]), before[here])
    assert np.array_equal(np.asarray(pictures[1]), after[here])
    predicted = fit.predict(before.astype(float), mode="same", boundary="edge")[here]
    shown = np.asarray(pictures[2].convert("LA"))
    inside = shown[..., 1] == 255
    assert inside.all()  # no border in it
    expected = np.clip(np.rint(predicted), 0, 255)
    assert np.array_equal(shown[..., 0][inside], expected[inside])
    # The residual: white where nothing is left, see-through where a pixel did not count.
    colours = np.asarray(pictures[3].convert("RGBA")).astype(int)
    left = after[here] - predicted
    clipped = (after[here] == 0) | (after[here] == 255)
    assert np.all(colours[clipped][:, 3] == 0)
    near = (np.abs(left) < 0.1) & (colours[..., 3] == 255)
    assert near.any()
    assert colours[near][:, :3].min() > 200
    positive = (left > 0.3) & (colours[..., 3] == 255)
    assert np.all(colours[positive][:, 0] > colours[positive][:, 2])  # orange, not blue


def test_equal_answers_give_equal_files(sharpened, sharpened_page, tmp_path):
    before, after, fit = sharpened
    assert report_of(fit, tmp_path, before, after, title="a <b> & c") == sharpened_page


def test_views_are_those_of_the_whole_image_at_once():
    noise = np.random.default_rng(3)
    before = noise.normal(size=(2, 700, 900))
    kernel = Kernel(noise.normal(size=(2, 3)), 0.5, anchor=(1, 0))
    after = correlate2d(before, kernel, mode="same", boundary="edge")
    after += noise.normal(size=after.shape)
    used = noise.random(after.shape) < 0.9
    views = views_of(found := Scene(before, after, used, kernel))
    assert views.factor == 3
    whole = (slice(0, 700), slice(0, 900))
    predicted = found.predicted(*whole)
    assert np.isnan(predicted[:, 0]).all()
    assert np.isnan(predicted[:, :, -2:]).all()
    np.testing.assert_allclose(
        predicted[:, 1:, :-2],
        correlate2d(before, kernel, mode="same", boundary="edge")[:, 1:, :-2],
        atol=1e-12,
    )
    left = np.where(used, after - predicted, np.nan)
    np.testing.assert_allclose(views.rms, np.sqrt(np.nanmean(left**2)))
    np.testing.assert_allclose(views.worst, np.nanmax(np.abs(left)))
    squares = before[:, :699, :900].reshape(2, 233, 3, 300, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(views.overview.before[:, :233], squares)
    assert views.counts.sum() > 0.99 * np.isfinite(left).sum()
    worst = next(spot for spot in views.spots if spot.name == "largest residual")
    assert worst.view.residual.shape == (SPOT, SPOT)


def test_one_hot_pixel_does_not_darken_the_rest(tmp_path):
    x = scene((60, 70)).astype(float)
    x[30, 30] = 1e6
    text = Page(report_of(learn(x, x, shape=1), tmp_path, x, x)).text
    highest = re.search(r"([\d.,e+]+) grey levels of before, after and predicted", text).group(1)
    assert float(highest.replace(",", "")) < 300


def test_crops_masks_and_missing_pixels(tmp_path):
    x = scene((200, 260)).astype(float)
    x[50, 60] = np.nan
    y = correlate2d(x, [[1, 2, 1]])[20:150, 30:200]
    mask = np.ones(y.shape, bool)
    mask[:, :10] = False
    fit = learn(x, y, mask=mask)
    assert fit.offset is not None
    text = report_of(fit, tmp_path, x, y, mask=mask)
    assert "place in the before image" in Page(text).text
    valid = correlate2d(x, [[1, 2], [3, 4]])
    assert "200 rows" not in report_of(learn(x, valid), tmp_path, x, valid)


def test_what_cannot_be_told_is_said(tmp_path):
    x = np.tile(scene((1, 120)).astype(float), (60, 1))
    fit = learn(x, correlate2d(x, np.ones((3, 3)), mode="same"), shape=3)
    text = Page(report_of(fit, tmp_path, x, correlate2d(x, np.ones((3, 3)), mode="same"))).text
    assert "6 of 9 independent combinations of taps" in text
    assert text.count("67 %") == 9
    assert "(not known)" in text


def test_a_descent_shows_its_path(tmp_path):
    x = np.ones((6, 8), int)
    x[:, 2:6] = 0
    y = correlate2d(x, [[1, -1]])
    fit = learn(x, y, descent=3e-2, bias=False)
    text = Page(report_of(fit, tmp_path, x, y)).text
    assert "The descent has not arrived" in text
    assert "10 0.00159507 0.988471 -0.988471" in text
    diverged = learn(x, y, descent=1.0, steps=600, bias=False)
    assert "The descent diverged" in Page(report_of(diverged, tmp_path, x, y)).text


def test_kernels_that_mix_channels(tmp_path):
    x = np.stack([scene((60, 80)), scene((60, 80))[::-1], scene((60, 80))[:, ::-1]])
    y = np.rint(np.tensordot([0.3, 0.6, 0.1], x, 1)).astype(np.uint8)[np.newaxis]
    fit = learn(x, y, channels="full", shape=1)
    text = Page(report_of(fit, tmp_path, x, y)).text
    assert "Output channel 0 from input channel 2" in text
    assert "cannot mix them" in text


def test_without_images_there_are_no_pictures(sharpened, tmp_path):
    page = Page(report_of(sharpened[2], tmp_path))
    assert page.all("img") == []
    assert "Frequency response" in page.text


def test_outliers_are_shown_though_they_do_not_count(tmp_path):
    x = scene((80, 80)).astype(float)
    y = correlate2d(x, np.full((3, 3), 1 / 9), mode="same") + 0.1 * np.sin(np.arange(80))
    y[40, 40] += 500
    fit = learn(x, y, robust=True, shape=3)
    assert fit.left_out["outliers"]
    text = Page(report_of(fit, tmp_path, x, y)).text
    assert "did not count for the fit; they are shown" in text


def test_saturated_pixels_of_the_before_image_are_left_out_of_the_pictures_too(tmp_path):
    light = scene((120, 120)).astype(float) * 1.6
    x = np.clip(np.rint(light), 0, 255).astype(np.uint8)
    y = correlate2d(light, np.ones((3, 3)) / 18, mode="same", boundary="edge")
    fit = learn(x, y)
    assert fit.left_out["clipped before"] > 0
    text = Page(report_of(fit, tmp_path, x, y)).text
    largest = re.search(r"largest ([\d.]+)", text.split("The residual, in grey levels")[1])
    assert float(largest.group(1)) < 10 * fit.residual_rms
    assert "were left out, because the others fit better" in text


def test_known_noise_is_not_called_rounding(tmp_path):
    x = scene((80, 80))
    variance = np.where(np.arange(80) < 40, 1.0, 400.0) * np.ones((80, 80))
    y = x + np.random.default_rng(1).normal(0, np.sqrt(variance))
    fit = learn(x, y, shape=1, variance=variance)
    text = Page(report_of(fit, tmp_path, x, y)).text
    assert "the given noise alone leaves" in text
    assert "rounding to whole levels alone leaves" not in text
    assert f"{fit.chi2:.4f}" in text


def test_wrong_input_is_refused(sharpened, tmp_path):
    before, after, fit = sharpened
    with pytest.raises(InvalidInput, match="must be the pair that was learnt from"):
        fit.report(tmp_path / "r.html", before, after[::-1])
    with pytest.raises(InvalidInput, match="sizes that differ by a 11x1 kernel's"):
        fit.report(tmp_path / "r.html", before, after[:-10])
    with pytest.raises(InvalidInput, match="one pair to be shown, got lists"):
        fit.report(tmp_path / "r.html", [before], [after])
    with pytest.raises(InvalidInput, match="both or neither"):
        fit.report(tmp_path / "r.html", before)
    with pytest.raises(InvalidInput, match="the report's suffix must be one of"):
        fit.report(tmp_path / "r.pdf", before, after)
    with pytest.raises(RefusedFile, match="cannot be written"):
        fit.report(tmp_path / "no" / "r.html", before, after)
    assert list(tmp_path.iterdir()) == []


def test_twelve_megapixels_stay_below_two_megabytes(tmp_path):
    # Noise in colour is what compresses worst.
    part = np.random.default_rng(1).integers(0, 256, (3, 1000, 1000)).astype(np.uint8)
    after = correlate2d(part, np.eye(3) / 3, mode="same", boundary="edge", dtype="uint8")
    fit = learn(part[:, :200, :200], after[:, :200, :200], shape=3)
    before, after = (np.tile(image, (1, 3, 4)) for image in (part, after))
    used = np.ones(after.shape, bool)
    write_report(fit, tmp_path / "r.html", Scene(before, after, used, fit.kernel))
    assert 200_000 < (tmp_path / "r.html").stat().st_size < 2_000_000

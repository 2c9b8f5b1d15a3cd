"""The report of a kernel that varies: it says what the fit says, and fits any screen."""

import json
import re

import numpy as np
import pytest

from kernfit import InvalidInput, correlate2d, learn_varying, scene

BLUR = np.outer([1, 2, 1], [1, 2, 1]) / 16


@pytest.fixture(scope="module")
def pair():
    before = scene((200, 260)).astype(float)
    share = np.linspace(0, 1, 260)
    blurred = correlate2d(before, BLUR, mode="same", boundary="edge")
    after = (1 - 0.1 * share) * (before + share * (blurred - before)) + 20 * share
    after += np.random.default_rng(0).normal(0, 1, after.shape)
    return before, after


@pytest.fixture(scope="module")
def fit(pair):
    return learn_varying(*pair, degree="auto", background=1, shape=3)


@pytest.fixture(scope="module")
def report(pair, fit, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    fit.report(path, *pair, title="a < b", notes=["said"])
    return path


def test_it_says_what_the_fit_says(fit, report):
    text = report.read_text(encoding="utf-8")
    assert "<h1>a &lt; b</h1>" in text
    assert str(fit.status) in text
    assert "Note: said" in text
    record = re.search(r'id="kernfit-answer">(.*?)</script>', text)[1]
    assert json.loads(record) == json.loads(json.dumps(fit.to_dict()))
    shown = re.findall(r"<figcaption>([a-z ]+): sum ([\d.]+)<", text)
    assert [name for name, _ in shown][::4] == ["top left", "middle", "bottom right"]
    # Brightness falls by a tenth from left to right.
    assert float(shown[2][1]) / float(shown[0][1]) == pytest.approx(0.9, abs=0.01)
    assert f"{fit.field.degree} (taken)" in text


def test_without_images_there_are_no_pictures(fit, tmp_path):
    fit.report(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "The images" not in text
    assert "The kernel over the image" in text


def test_a_kernel_that_does_not_vary_is_shown_once(pair, tmp_path):
    learn_varying(*pair, degree=0, background=1, shape=3).report(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "the same everywhere; only the background varies" in text
    assert "top left: sum" not in text


def test_other_images_are_refused(pair, fit, tmp_path):
    before, after = pair
    with pytest.raises(InvalidInput, match="the pair that was learnt from, single planes"):
        fit.report(tmp_path / "page.html", before[1:], after[1:])
    with pytest.raises(InvalidInput, match="with the same clip and mask, got a residual of"):
        fit.report(tmp_path / "page.html", before, before[::-1])
    with pytest.raises(InvalidInput, match="both or neither"):
        fit.report(tmp_path / "page.html", before)
    with pytest.raises(InvalidInput, match="the report's suffix must be one of"):
        fit.report(tmp_path / "page.txt", before, after)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_the_screen(chromium, report, width):
    page = chromium.new_page(viewport={"width": width, "height": 800})
    wrong = []
    page.on("console", lambda said: wrong.append(said.text))
    page.goto(report.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    page.close()
    assert wrong == []

"""The report in a real browser: it fits, moves, copies, darkens and prints, and asks nobody."""

import numpy as np
import pytest

from kernfit import correlate2d, learn, scene


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    before = scene((400, 500))
    after = correlate2d(before.astype(float), [[1, 2, 1], [2, 4, 2], [1, 2, 0]], mode="same")
    after += np.random.default_rng(0).normal(0, 4, after.shape)
    after[350:370, 450:470] += 90  # far from where most detail is
    path = tmp_path_factory.mktemp("report") / "report.html"
    learn(before, after).report(path, before, after, title="before.png → after.png")
    return path


@pytest.fixture
def shown(chromium, report):
    """Open the report; afterwards: nothing on the console, no request to anywhere."""
    contexts, wrong = [], []

    def show(width=1280, scheme="light"):
        contexts.append(
            chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        )
        page = contexts[-1].new_page()
        page.on("console", lambda said: wrong.append(said.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request",
            lambda asked: (
                None if asked.url.startswith(("file:", "data:")) else wrong.append(asked.url)
            ),
        )
        page.goto(report.as_uri())
        return page

    yield show
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_it_fits_the_screen(shown, width):
    page = shown(width)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    # Nothing reaches beyond the page except inside of what scrolls.
    beyond = """[...document.querySelectorAll("p, h1, h2, h3, figure, .quad, .verdict")]
        .filter(part => part.getBoundingClientRect().right > innerWidth + 1).length"""
    assert page.evaluate(beyond) == 0


def test_a_place_is_shown_in_all_four_pictures(shown):
    page = shown()
    whole = page.locator(".views").first
    box = whole.locator(".frame").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.75)
    assert "pointing" in whole.get_attribute("class")
    place = "group => ['--x', '--y'].map(name => parseFloat(group.style.getPropertyValue(name)))"
    assert whole.evaluate(place) == pytest.approx([25, 75], abs=1)
    whole.locator("[data-zoom]").fill("4")
    scales = whole.locator(".frame img").evaluate_all(
        "images => images.map(image => new DOMMatrix(getComputedStyle(image).transform).a)"
    )
    assert scales == [4, 4, 4, 4]
    whole.focus()
    page.keyboard.press("ArrowRight")
    assert whole.evaluate(place) == pytest.approx([27, 75], abs=1)


def test_the_spots_are_chosen_without_a_mouse(shown):
    page = shown()
    visible = "spots => spots.map(spot => getComputedStyle(spot).display)"
    assert page.locator(".spot").evaluate_all(visible)[:2] == ["block", "none"]
    page.locator("#spot-0").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".spot").evaluate_all(visible)[:2] == ["none", "block"]
    assert "largest residual" in page.locator(".spot-1 .note").text_content()
    # The pictures are drawn pixel by pixel, not smoothed.
    rendering = "image => getComputedStyle(image).imageRendering"
    assert page.locator(".spot-1 img").first.evaluate(rendering) == "pixelated"


def test_a_recipe_is_copied(shown):
    page = shown()
    button = page.get_by_role("button", name="Copy the text for OpenCV")
    button.click()
    assert button.text_content() in ("Copied", "Selected")
    chosen = page.evaluate("getSelection().toString()")
    assert chosen.startswith("import cv2")
    assert "filter2D" in chosen


def test_it_is_dark_where_the_reader_wants_that(shown):
    brightness = """name => {
        const [r, g, b] = getComputedStyle(document.querySelector(name.split("/")[0]))
            .getPropertyValue(name.split("/")[1]).match(/[\\d.]+/g).map(Number);
        return (r + g + b) / 3;
    }"""
    light, dark = shown(), shown(scheme="dark")
    for page, paper, ink in ((light, 255, 60), (dark, 40, 200)):
        assert abs(page.evaluate(brightness, "body/background-color") - paper) < 30
        for text in ("body/color", "h2/color", ".chart svg text/fill", ".chart svg text/color"):
            value = page.evaluate(brightness, text)
            assert value <= ink if page is light else value >= ink


def test_it_prints(shown):
    page = shown()
    page.emulate_media(media="print")
    assert not page.locator(".zoom").first.is_visible()
    assert not page.get_by_role("button").first.is_visible()
    assert page.locator(".spot-0 img").first.is_visible()
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert 2 <= printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") <= 12


def test_a_large_kernel_is_printed_whole(chromium, tmp_path):
    before = scene((120, 160)).astype(float)
    noise = np.random.default_rng(1).normal(0, 1, before.shape)
    fit = learn(before, correlate2d(before, np.full((9, 9), 1 / 81), mode="same") + noise, shape=9)
    fit.report(tmp_path / "large.html")
    page = chromium.new_page(viewport={"width": 660, "height": 900})  # A4 without its margins
    page.goto((tmp_path / "large.html").as_uri())
    page.emulate_media(media="print")
    assert page.evaluate("document.querySelectorAll('.taps table, pre').length") > 1
    cut = """[...document.querySelectorAll(".taps table, pre")].filter(part =>
        part.getBoundingClientRect().right > innerWidth || part.scrollHeight > part.clientHeight + 1
    ).length"""
    assert page.evaluate(cut) == 0
    page.close()

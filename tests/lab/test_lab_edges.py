"""The Edges bench: the canvas holds what the engine answers, the numbers are those of Python."""

import io
import json

import numpy as np
import pytest

from kernfit import catalogue, correlate2d, lesson
from kernfit.named_kernels import detectors, step_answer

expect = pytest.importorskip("playwright.sync_api").expect

PIXELS = """(canvas) => Array.from(
    canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data)"""


def photo(page, name="computed"):
    """What the canvas of results shows, once it is there: (rows, columns, 3)."""
    expect(page.locator("#took")).to_contain_text(name, timeout=20_000)
    canvas = page.locator("canvas.photo").first
    shape = canvas.evaluate("(canvas) => [canvas.height, canvas.width, 4]")
    return np.array(canvas.evaluate(PIXELS), np.uint8).reshape(shape)[..., :3]


def answers(image, names, boundary="edge"):
    return [
        correlate2d(image.astype(float), kernel, mode="same", boundary=boundary)
        / step_answer(kernel.taps)
        for kernel in detectors[names]
    ]


@pytest.mark.parametrize("detector", ["sobel", "roberts", "laplacian", "frei_chen"])
def test_strength_is_what_python_computes(visit, detector):
    shown = photo(visit(f"#edges?image=scene&gain=2&detector={detector}")).astype(int)
    strength = np.sqrt(sum(answer**2 for answer in answers(lesson.scene(), detector)))
    expected = np.clip(np.rint(strength * 4), 0, 255)
    # The engine works in float32: a value halfway may round the other way.
    assert np.abs(shown - expected[..., np.newaxis]).max() <= 1
    assert (shown[..., 0] != expected).mean() < 0.001


def test_direction_has_the_colours_of_the_wheel(visit):
    page = visit("#edges?image=scene&view=direction&gain=3")
    shown = photo(page).astype(int)
    x, y = answers(lesson.scene(), "sobel")
    strong = np.hypot(x, y) > 40  # fully bright at this gain
    turn = np.arctan2(y, x)
    expected = [127.5 + 127.5 * np.cos(turn - n * 2 * np.pi / 3) for n in range(3)]
    off = np.abs(shown - np.stack(expected, axis=-1))[strong]
    assert strong.sum() > 500
    assert off.max() < 6  # an angle is one of 256
    assert page.locator("canvas.wheel").is_visible()


def test_a_signed_answer_is_neutral_orange_and_blue(visit):
    shown = photo(visit("#edges?image=bar&use=kernel&taps=[[1,-1]]&view=first&gain=0"))
    colours = {0: [255, 255, 255], 1: [230, 97, 1], -1: [33, 102, 172]}
    expected = correlate2d(lesson.black_bar(), [[1, -1]], mode="same", boundary="edge")
    assert shown.tolist() == [[colours[value] for value in row] for row in expected.tolist()]


def test_a_blur_is_shown_as_an_image(visit):
    page = visit("#edges?image=scene&gain=0&use=kernel")
    page.get_by_label("Named kernel").select_option("box_3")
    expect(page.get_by_label("View")).to_have_value("levels")
    page.wait_for_timeout(500)
    shown = photo(page).astype(int)[..., 0]
    expected = correlate2d(lesson.scene(), catalogue["box_3"], mode="same", boundary="edge")
    assert np.abs(shown - expected).max() <= 0.51


def test_the_numbers_under_the_cursor(visit):
    page = visit("#edges?image=scene&cursor=[0,511]")
    photo(page)
    x, y = answers(lesson.scene(), "sobel")
    terms = page.locator("#readout")
    expect(terms).to_contain_text("0, 511")
    names, values = (terms.locator(part).all_inner_texts() for part in ("dt", "dd"))
    read = dict(zip(names, values, strict=True))
    assert int(read["level"]) == lesson.scene()[0, 511]
    assert float(read["sobel_x"].replace("−", "-")) == 4 * x[0, 511]
    assert float(read["sobel_y"].replace("−", "-")) == 4 * y[0, 511]
    assert float(read["strength"]) == pytest.approx(np.hypot(x, y)[0, 511], rel=1e-5)
    page.locator("canvas.photo").first.focus()
    page.keyboard.press("ArrowDown")
    expect(terms).to_contain_text("1, 511")


def test_the_last_wish_counts(visit):
    """Many changes in a row: what is shown in the end belongs to the last."""
    page = visit("#edges?image=portrait&gain=0")
    photo(page)
    for name in ["scharr", "prewitt", "roberts", "sobel_5", "laplacian"]:
        page.get_by_label("Detector").select_option(name)
    expect(page.locator("#kernels caption")).to_have_text("laplacian")
    page.wait_for_timeout(1500)
    shown = photo(page)
    fresh = photo(visit("#edges?image=portrait&gain=0&detector=laplacian"))
    assert (shown == fresh).all()


def test_the_image_itself_can_be_uncovered(visit):
    page = visit("#edges?image=scene&wipe=40")
    photo(page)
    over = page.locator("canvas.over")
    assert over.evaluate("(canvas) => canvas.style.clipPath") == "inset(0px 60% 0px 0px)"
    page.wait_for_timeout(300)
    shape = (*lesson.scene().shape, 4)
    shown = np.array(over.evaluate(PIXELS), np.uint8).reshape(shape)
    assert (shown[..., 0] == lesson.scene()).all()


def test_bytes_over_the_wire_say_what_they_mean(lab):
    asked = {"image": "bar", "kernels": [{"taps": [[1, -1]]}], "view": "first", "gain": 1}
    status, headers, body = lab.ask("POST", "api/edges", asked)
    assert status == 200
    about = json.loads(headers["kernfit-result"])
    assert (about["rows"], about["columns"], about["planes"]) == (6, 8, 1)
    values = (np.frombuffer(body, np.uint8).reshape(6, 8).astype(int) - 128) * about["unit"]
    expected = correlate2d(lesson.black_bar(), [[1, -1]], mode="same", boundary="edge")
    np.testing.assert_allclose(values, expected)


@pytest.mark.parametrize("view", ["strength", "direction", "first", "levels"])
def test_missing_pixels_hide_nothing_else(lab, view):
    image = np.outer(np.arange(20.0), np.ones(30))
    image[5, 5], image[5, 20] = np.nan, np.inf
    file = io.BytesIO()
    np.save(file, image)
    status, item = lab.upload(file.getvalue(), "holes.npy")
    assert status == 201
    asked = {"image": item["id"], "detector": "sobel", "view": view}
    status, headers, body = lab.ask("POST", "api/edges", asked)
    assert status == 200
    about = json.loads(headers["kernfit-result"])
    assert np.isfinite([about["largest"], about["unit"], about["share"]]).all()
    assert len(body) == about["planes"] * 600
    make = {"kernel": {"taps": [[1, 2, 4]]}, "noise": 0, "whole": False}
    (*_, last) = lab.learn(before=item["id"], make=make, shape=[1, 3])
    assert last["result"]["fit"]["left_out"]["missing"] > 0


def test_a_narrow_page_is_not_wider_than_its_window(visit):
    page = visit("#edges?view=direction&cursor=[3,3]", width=360)
    photo(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360

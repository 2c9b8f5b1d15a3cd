"""The Slide bench, driven in a browser: what the page shows are the numbers of Python."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from kernfit import catalogue, correlate2d, lesson

expect = pytest.importorskip("playwright.sync_api").expect

CELL = """(canvas, {row, column, rows, columns}) => {
    const x = Math.floor((column + 0.1) * canvas.width / columns);
    const y = Math.floor((row + 0.1) * canvas.height / rows);
    return Array.from(canvas.getContext("2d").getImageData(x, y, 1, 1).data.slice(0, 3));
}"""


def cell(page, canvas, row, column, shape):
    """The colour of a cell, near its top left corner."""
    place = {"row": row, "column": column, "rows": shape[0], "columns": shape[1]}
    page.wait_for_timeout(60)
    return page.locator("canvas.plane").nth(canvas).evaluate(CELL, place)


def expect_sum(page, text):
    """Wait until the sum that is written out is, or ends with, a text: the page draws by frames."""
    expect(page.locator("#sum")).to_have_text(re.compile(f"(^| ){re.escape(text)}$"))


def sum_shown(page):
    expect(page.locator("#sum")).not_to_be_empty()
    return page.locator("#sum").inner_text()


def test_the_lessons_numbers_one_after_the_other(visit):
    page = visit("#slide")
    written = [
        "0·0 + 1·1 + 3·2 + 4·3 = 19",
        "1·0 + 2·1 + 4·2 + 5·3 = 25",
        "3·0 + 4·1 + 6·2 + 7·3 = 37",
        "4·0 + 5·1 + 7·2 + 8·3 = 43",
    ]
    for number, text in enumerate(written):
        expect_sum(page, text)
        assert f"place {number + 1} of 4" in page.locator("#place").inner_text()
        page.get_by_role("button", name="Next").click()
    expect_sum(page, written[-1])  # there is no further place
    assert "2 rows and 2 columns" in page.locator("#sizes").inner_text()


def test_the_images_own_numbers_can_be_changed(visit):
    page = visit("#slide")
    page.get_by_label("pixel, row 2, column 2").fill("-4")
    expect_sum(page, "0·0 + 1·1 + 3·2 + (−4)·3 = −5")
    page.wait_for_function("() => location.hash.includes('own')")
    again = visit(page.evaluate("() => location.hash"))
    expect_sum(again, "0·0 + 1·1 + 3·2 + (−4)·3 = −5")
    again.get_by_role("button", name="a generated scene").click()
    expect(again.get_by_label("pixel, row 1, column 1")).to_be_hidden()


def test_keys_move_the_window(visit):
    page = visit("#slide")
    page.locator("canvas.plane").first.focus()
    for key, ending in (
        ("ArrowRight", "25"),
        ("ArrowDown", "43"),
        ("ArrowLeft", "37"),
        ("ArrowUp", "19"),
        ("ArrowUp", "19"),
        ("End", "43"),
        ("Home", "19"),
    ):
        page.keyboard.press(key)
        expect_sum(page, f"= {ending}")


def test_dragging_moves_the_window(visit):
    page = visit("#slide")
    box = page.locator("canvas.plane").first.bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + box["height"] - 20, steps=4)
    page.mouse.up()
    expect_sum(page, "= 43")


def test_play_goes_to_the_end_and_the_output_grows(visit):
    page = visit("#slide?speed=60")
    unseen = cell(page, 1, 1, 1, (2, 2))
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => document.querySelector('#sum').textContent.endsWith('= 43')")
    page.get_by_role("button", name="Play").wait_for()  # it stops by itself
    assert cell(page, 1, 1, 1, (2, 2)) != unseen


def test_numbers_size_and_flip_can_be_changed(visit):
    page = visit("#slide")
    page.get_by_label("tap, row 1, column 1").fill("10")
    expect_sum(page, "0·10 + 1·1 + 3·2 + 4·3 = 19")
    page.get_by_label("tap, row 2, column 2").fill("1/2")
    expect_sum(page, "0·10 + 1·1 + 3·2 + 4·0.5 = 9")
    page.get_by_label("Bias b in").fill("-3")
    expect_sum(page, "0·10 + 1·1 + 3·2 + 4·0.5 + (−3) = 6")
    page.get_by_label("Convolution").check()
    expect_sum(page, "0·0.5 + 1·2 + 3·1 + 4·10 + (−3) = 42")
    page.get_by_label("one row less", exact=True).click()
    expect_sum(page, "0·1 + 1·10 + (−3) = 7")
    assert "3 rows and 2 columns" in page.locator("#sizes").inner_text()


@pytest.mark.parametrize(
    ("fragment", "options"),
    [
        ("mode=same&boundary=reflect", {"mode": "same", "boundary": "reflect"}),
        ("mode=full&fill=7", {"mode": "full", "fill_value": 7}),
        ("padding=2&boundary=wrap&stride=2", {"padding": 2, "boundary": "wrap", "stride": 2}),
        ("dilation=3", {"dilation": 3}),
        (
            "mode=same&anchor=[0,1]&boundary=edge",
            {"mode": "same", "anchor": (0, 1), "boundary": "edge"},
        ),
    ],
)
def test_options_give_what_python_gives(visit, fragment, options):
    image = lesson.scene()[40:56, 100:116].astype(int)
    taps = np.array([[1, 2], [-3, 4], [0, 5]])
    expected = correlate2d(image, taps, **options)
    at = expected.size // 2
    page = visit(f"#slide?image=scene&top=40&left=100&taps={taps.tolist()}&at={at}&{fragment}")
    shown = sum_shown(page).rsplit("= ", 1)[1].replace("−", "-")
    assert int(shown) == expected.ravel()[at]
    said = page.locator("#sizes").inner_text()
    assert "{} rows and {} columns".format(*expected.shape) in said


def test_the_outputs_colours_are_those_of_its_numbers(visit):
    """The lesson's bar: orange where white turns to black, blue where black turns to white."""
    page = visit("#slide?image=bar&taps=[[1,-1]]&all=true&at=41")
    expected = correlate2d(lesson.black_bar(), [[1, -1]])
    for column, value in enumerate(expected[2]):
        colour = cell(page, 1, 2, column, expected.shape)
        assert colour == {0: [255, 255, 255], 1: [230, 97, 1], -1: [33, 102, 172]}[value]


def test_an_own_image_is_dropped_on_the_page(visit):
    page = visit("#slide?taps=[[1,1]]")
    file = io.BytesIO()
    Image.fromarray(np.array([[3, 40, 200]], np.uint16)).save(file, "PNG")
    page.set_input_files(
        "#file", [{"name": "mine.png", "mimeType": "image/png", "buffer": file.getvalue()}]
    )
    page.wait_for_function("() => document.querySelector('#sum').textContent === '3·1 + 40·1 = 43'")
    assert page.get_by_role("button", name="mine.png, 1").get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="Remove mine.png").click()
    page.get_by_role("button", name="mine.png, 1 by 3").wait_for(state="detached")


def test_a_file_that_is_no_image_is_said(visit, refusals):
    refusals.append("status of 422")
    page = visit("#slide")
    page.set_input_files(
        "#file", [{"name": "song.mp3", "mimeType": "audio/mpeg", "buffer": b"ID3" * 40}]
    )
    page.get_by_text("song.mp3 must be an image").wait_for()
    expect_sum(page, "= 19")


def test_a_link_restores_what_was_seen(visit):
    page = visit("#slide")
    page.get_by_label("Named kernel").select_option("sobel_x")
    page.get_by_label("Mode").select_option("same")
    page.locator("canvas.plane").first.focus()
    page.keyboard.press("End")
    page.wait_for_function("() => location.hash.includes('at=8')")
    shown = sum_shown(page)
    fragment = page.evaluate("location.hash")
    expect_sum(visit(fragment), shown)
    assert catalogue["sobel_x"].taps.tolist() == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]


@pytest.mark.parametrize(
    "fragment",
    [
        "#slide?taps=[]",
        "#slide?taps=oops",
        "#slide?taps=[[1],[1,2]]",
        "#slide?image=gone",
        "#slide?at=1e99&stride=0.5",
        "#slide?padding=-7",
        "#nothing",
        "#slide?boundary=what&mode=x",
    ],
)
def test_a_damaged_link_still_opens(visit, fragment):
    page = visit(fragment)
    assert page.locator("main h2").count() == 1


def test_everything_has_a_name_and_is_reached_by_keyboard(visit):
    page = visit("#slide")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, canvas, a")].filter((e) =>
            e.getAttribute("aria-hidden") !== "true" && e.checkVisibility() && !(
            e.textContent.trim() || e.getAttribute("aria-label") || e.labels?.length)).length"""
    )
    assert nameless == 0
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.outerHTML.slice(0, 200)"))
    assert len(reached) > 30
    assert any("canvas" in item for item in reached)


def test_a_narrow_page_is_not_wider_than_its_window(visit):
    for fragment in ("#slide", "#slide?image=portrait&part=64&mode=same"):
        page = visit(fragment, width=360)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_first_element_of_an_output_is_not_black(visit):
    """19 of 43 is a middle grey, though nothing smaller is there yet."""
    page = visit("#slide")
    expect_sum(page, "19")
    red, _, _ = cell(page, 1, 0, 0, (2, 2))
    assert red == pytest.approx(255 * 19 / 43, abs=3)


def test_presenting_fills_the_window_with_large_numbers(visit):
    """As on a projector of 1024x768: one key, planes that fill it, one place for each key."""
    page = visit("#slide", width=1024)
    small = page.locator("canvas.plane").first.bounding_box()["width"]
    assert small >= 280  # three columns of numbers
    page.keyboard.press("p")
    expect(page.locator("header")).to_be_hidden()
    expect(page.locator(".controls")).to_be_hidden()
    page.wait_for_timeout(100)
    boxes = [canvas.bounding_box() for canvas in page.locator("canvas.plane").all()]
    assert sum(box["width"] for box in boxes) > 0.8 * 1024
    assert (
        page.evaluate("() => parseFloat(getComputedStyle(document.querySelector('#sum')).fontSize)")
        >= 28
    )
    page.keyboard.press("PageDown")
    expect_sum(page, "25")
    page.keyboard.press("PageUp")
    expect_sum(page, "19")
    page.keyboard.press("p")
    expect(page.locator("header")).to_be_visible()

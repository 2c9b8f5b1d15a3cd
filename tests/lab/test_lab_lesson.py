"""The lesson's page: every statement can be tried, and every exercise knows its answer."""

import numpy as np
import pytest

import kernfit
from kernfit import lesson

expect = pytest.importorskip("playwright.sync_api").expect


def part(page, number):
    return page.locator(f"#part-{number}")


def tables(where):
    return [
        [
            [float(cell.replace("−", "-")) for cell in row.locator("td").all_inner_texts()]
            for row in table.locator("tr").all()
        ]
        for table in where.locator("table.taps").all()
    ]


@pytest.mark.parametrize(
    ("number", "wrong", "right"),
    [
        (1, "8", "12"),
        (2, "31", "-31"),
        (3, "same", "down"),
        (4, "0.03", "1/30"),
        (5, "5", "8"),
        (6, "28", "24"),
        (7, "2", "3"),
    ],
)
def test_every_exercise_has_an_answer(visit, number, wrong, right):
    page = visit("#lesson")
    exercise = page.get_by_role("group", name=f"Exercise {number}")
    field = exercise.locator("input, select")
    for given, verdict in ((wrong, "Not yet"), (right, "Right.")):
        if field.evaluate("(field) => field.tagName") == "SELECT":
            field.select_option(given)
        else:
            field.fill(given)
        exercise.get_by_role("button", name="Check").click()
        expect(exercise.get_by_role("status")).to_contain_text(verdict)
    expect(page.locator("#score")).to_have_text("1 of 7 exercises solved.")
    exercise.locator("summary").click()
    assert len(exercise.locator("details p").inner_text()) > 20
    page.wait_for_function("() => location.hash.includes('solved')")
    again = visit(page.evaluate("() => location.hash"))
    expect(again.locator("#score")).to_have_text("1 of 7 exercises solved.")


def test_the_window_slides_and_sums(visit):
    page = visit("#lesson")
    for total in lesson.OUTPUT.ravel():
        expect(page.locator("#lesson-sum")).to_contain_text(f"= {total}")
        part(page, 1).get_by_role("button", name="Next").click()


def test_a_layer_is_the_kernel_times_a_factor_and_a_bias(visit):
    page = visit("#lesson")
    assert tables(part(page, 2)) == [lesson.WINDOW.tolist(), lesson.OUTPUT.tolist()]
    part(page, 2).get_by_label("Bias b").fill("10")
    assert tables(part(page, 2))[1] == (lesson.OUTPUT + 10).tolist()
    part(page, 2).get_by_label("Kernel k, times").fill("2")
    assert tables(part(page, 2)) == [
        (2 * lesson.WINDOW).tolist(),
        (2 * lesson.OUTPUT + 10).tolist(),
    ]


def test_edges_are_found_along_one_direction_only(visit):
    page = visit("#lesson")
    said = page.locator("#lesson-edges")
    expect(said).to_contain_text("12 of 42 answers are not 0")
    part(page, 3).get_by_label("Turn the image").check()
    expect(said).to_contain_text("Every answer is 0")
    part(page, 3).get_by_label("Kernel", exact=True).select_option("down")
    expect(said).to_contain_text("12 of 42 answers are not 0")


def test_the_descent_of_the_lesson(visit):
    page = visit("#lesson")
    path = kernfit.Statistics.of(
        lesson.black_bar(), kernfit.correlate2d(lesson.black_bar(), [[1, -1]]), (1, 2)
    ).descend(lesson.RATE, lesson.STEPS, bias=False)
    for step in range(lesson.STEPS + 1):
        said = part(page, 4).locator("#step").inner_text()
        shown = float(said.split("loss ")[1].split(";")[0])
        assert said.startswith(f"Step {step}:")
        assert shown == pytest.approx(path.losses[step], rel=1e-5)
        part(page, 4).get_by_role("button", name="Step", exact=True).click()
    # With the bias there are three weights; the eigenvalue is that of the larger matrix.
    part(page, 4).get_by_label("Learn the bias too").check()
    sums = kernfit.Statistics.of(
        lesson.black_bar(), kernfit.correlate2d(lesson.black_bar(), [[1, -1]]), (1, 2)
    )
    largest = np.linalg.eigvalsh(sums.gram)[-1]
    expect(part(page, 4).locator("#behind")).to_contain_text(f"λ = {largest:.4g}.")


def test_convolution_is_learnt_flipped(visit):
    page = visit("#lesson")
    shown = page.locator("#lesson-flip")
    expect(shown).to_contain_text("the largest difference is 0", timeout=20_000)
    assert tables(shown) == [[[1, 2], [3, 4]], [[1, 2], [3, 4]]]
    part(page, 5).get_by_label("Make the data by").select_option("convolution")
    expect(shown).to_contain_text("Used, by convolution", timeout=20_000)
    assert tables(shown) == [[[1, 2], [3, 4]], [[4, 3], [2, 1]]]


def test_feature_maps(visit):
    page = visit("#lesson")
    expect(page.locator("#lesson-map")).to_contain_text("feature map 178 × 198")
    part(page, 6).get_by_label("Kernel", exact=True).select_option("gaussian_5")
    expect(page.locator("#lesson-map")).to_contain_text("feature map 176 × 196")


def test_the_receptive_field_can_be_larger_than_the_image(visit):
    page = visit("#lesson")
    said = page.locator("#lesson-field")
    expect(said).to_contain_text("2 layers of 2 × 2 see 3 × 3 pixels: as large as the image")
    part(page, 7).get_by_label("Layers", exact=True).fill("4")
    part(page, 7).get_by_label("Kernel's shape", exact=True).fill("3")
    expect(said).to_contain_text("see 9 × 9 pixels: larger than the image itself")
    size = kernfit.receptive_field([kernfit.LayerSpec(3, padding=1)] * 4).size
    assert size == (9, 9)


def test_links_lead_to_the_benches(visit):
    page = visit("#lesson")
    for number, bench in enumerate(
        ["slide", "slide", "edges", "learn", "slide", "edges", "see"], start=1
    ):
        href = part(page, number).locator("a").get_attribute("href")
        assert href.startswith(f"#{bench}")
    part(page, 5).locator("a").click()
    expect(page.get_by_label("Convolution: flip")).to_be_checked()
    page.go_back()
    expect(page.locator("#score")).to_be_visible()


def test_a_narrow_page_is_not_wider_than_its_window(visit):
    page = visit("#lesson", width=360)
    expect(page.locator("#lesson-field")).to_contain_text("see")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360

"""The Learn bench: verdict, numbers and descent on the page are those of Python."""

import io
import json
import re

import numpy as np
import pytest
from PIL import Image

import kernfit
from kernfit import lesson

expect = pytest.importorskip("playwright.sync_api").expect


def done(page):
    expect(page.locator("#doing")).to_contain_text("Done", timeout=60_000)
    return page


def numbers(text):
    return [float(n) for n in re.findall(r"[-−]?\d+\.?\d*(?:e[-+]?\d+)?", text.replace("−", "-"))]


def table(page, caption):
    rows = page.locator("table.taps", has=page.get_by_text(caption)).locator("tr").all()
    return [
        [
            float(cell.split("\n")[0].replace("−", "-"))
            for cell in row.locator("td").all_inner_texts()
        ]
        for row in rows
    ]


def upload(page, **images):
    files = []
    for name, array in images.items():
        file = io.BytesIO()
        Image.fromarray(array).save(file, "PNG")
        files.append({"name": f"{name}.png", "mimeType": "image/png", "buffer": file.getvalue()})
    page.set_input_files("#file", files)


LESSON = "#learn?before=bar&taps=[[1,-1]]&shape=1x2&bias=false&rate=0.9"


def test_the_lessons_descent_step_by_step(visit):
    """Rate 0.03, ten steps: the losses of the lesson, with the exact answer beside it."""
    page = done(visit(LESSON))
    assert float(page.get_by_label("The same in numbers").input_value()) == pytest.approx(0.03)
    path = kernfit.Statistics.of(
        lesson.black_bar(), kernfit.correlate2d(lesson.black_bar(), [[1, -1]]), (1, 2)
    ).descend(lesson.RATE, lesson.STEPS, bias=False)
    for step, loss in enumerate(path.losses):
        said = numbers(page.locator("#step").inner_text())
        assert said[0] == step
        assert said[1] == pytest.approx(loss, rel=1e-5)
        if step < lesson.STEPS:
            page.get_by_role("button", name="Step", exact=True).click()
    assert table(page, "After 10 steps")[0] == pytest.approx(path.weights[-1][:2, 0], rel=1e-4)
    assert table(page, "Exact")[0] == [1, -1]
    assert table(page, "Learnt")[0] == [1, -1]
    assert "It is lesson_edge" in page.locator("#verdict").inner_text()


def test_a_rate_beyond_the_limit_diverges_and_the_page_says_why(visit):
    page = done(visit(LESSON))
    page.get_by_label("The same in numbers").fill("0.034")
    page.get_by_role("button", name="100 steps").click()
    # From zeros only the direction (1, -1) is missing, whose eigenvalue is 6.
    expect(page.locator("#why")).to_contain_text("Start from random numbers.")
    page.get_by_label("Start from").select_option("random numbers")
    first = numbers(page.locator("#step").inner_text())[1]
    page.get_by_role("button", name="100 steps").click()
    why = page.locator("#why").inner_text()
    assert "diverges" in why
    assert "below 1/λ = 0.03333" in why
    assert "λ = 30." not in why  # for those who open the fold
    page.get_by_text("Why, in eigenvalues").click()
    behind = page.locator("#behind").inner_text()
    assert "λ = 30." in behind
    assert "1 − 2·rate·λ = −1.04" in behind
    said = numbers(page.locator("#step").inner_text())
    assert said[1] > 100 * first
    page.get_by_label("The same in numbers").fill("0.033")
    expect(page.locator("#why")).not_to_contain_text("diverges")
    assert numbers(page.locator("#step").inner_text())[1] < first / 2


def test_play_runs_and_pauses(visit):
    page = done(visit(LESSON))
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(
        "() => Number(document.querySelector('#step').textContent.match(/\\d+/)[0]) >= 5"
    )
    page.get_by_role("button", name="Pause").click()
    before = page.locator("#step").inner_text()
    page.wait_for_timeout(300)
    assert page.locator("#step").inner_text() == before


def test_two_own_photographs(visit):
    """Two files dropped together are before and after; the answer is that of kernfit.learn."""
    before = lesson.scene((240, 320))
    taps = np.array([[0, 1, 2], [1, 4, 1], [3, 1, 3]]) / 16
    after = np.rint(kernfit.correlate2d(before.astype(float), taps, mode="same")).astype(np.uint8)
    page = done(visit("#learn?before=bar"))
    upload(page, before=before, after=after)
    expect(page.locator("#pair")).to_contain_text("After: after.png", timeout=20_000)
    fit = kernfit.learn(before, after)
    expect(page.locator("#verdict")).to_contain_text(str(fit.recognise()), timeout=30_000)
    np.testing.assert_allclose(table(page, "Learnt"), fit.kernel.taps, atol=1e-5)
    assert str(fit.status) in page.locator("#verdict").inner_text()
    assert str(fit.recognise()) in page.locator("#verdict").inner_text()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download kernel file").click()
    kernel = kernfit.Kernel.from_dict(json.loads(saved.value.path().read_text()))
    assert kernel == fit.kernel
    with page.expect_download(timeout=60_000) as saved:
        page.get_by_role("button", name="Download report").click()
    report = saved.value.path().read_text()
    assert "before.png → after.png" in report
    assert str(fit.status) in report or fit.status.sentence in report


def test_noise_and_fewer_pixels_widen_the_errors(visit):
    def errors(fragment):
        page = done(visit(f"#learn?before=scene&shape=3x3&{fragment}"))
        cells = page.locator("table.taps", has=page.get_by_text("Learnt")).locator("td small")
        assert "noise of" in page.locator("#verdict").inner_text()
        return np.mean([numbers(cell)[0] for cell in cells.all_inner_texts()])

    little, much, few = errors("noise=4"), errors("noise=16"), errors("noise=4&share=5")
    assert 2.5 < much / little < 6
    assert 2.5 < few / little < 9


def test_stripes_leave_taps_undetermined(visit):
    page = done(visit("#learn?before=stripes&shape=3x3"))
    said = page.locator("#verdict").inner_text()
    assert "rows are not: the before image does not change from top to bottom" in said
    cells = page.locator("table.taps", has=page.get_by_text("Learnt")).locator("td small")
    assert cells.all_inner_texts() == ["not determined"] * 9
    assert "the data say nothing" in page.locator("#why").inner_text()
    assert "The smallest eigenvalue is 0" in page.locator("#behind").text_content()


def test_a_misfit_is_called_one(visit):
    before = lesson.scene((200, 200))
    page = done(visit(LESSON))
    after = np.roll(before[::-1, ::-1], 31)
    upload(page, before=before, after=after)
    expect(page.locator("#verdict")).to_contain_text("Not a kernel alone", timeout=30_000)
    status = kernfit.learn(before, after, shape=(1, 2)).status
    assert str(status) in page.locator("#verdict").inner_text()


def test_long_work_shows_progress_and_can_be_cancelled(visit):
    rng = np.random.default_rng(0)
    before = rng.integers(0, 256, (2400, 2400)).astype(np.uint8)
    page = done(visit(LESSON))
    upload(page, large=before, other=before[::-1].copy())
    expect(page.locator("#doing")).to_contain_text("looking for the kernel", timeout=30_000)
    page.get_by_role("button", name="Cancel").last.click()
    expect(page.locator("#doing")).to_have_text("Cancelled.")
    # Nothing hangs: the next question is answered.
    page.get_by_role("button", name="The lesson's pair").click()
    expect(page.locator("#verdict")).to_contain_text("lesson_edge", timeout=60_000)


def test_examples_set_everything_and_stand_in_the_address(visit):
    page = done(visit("#learn"))
    page.get_by_role("button", name="The lesson's pair").click()
    expect(page.locator("#verdict")).to_contain_text("lesson_edge", timeout=20_000)
    assert "before=bar" in page.evaluate("location.hash")
    assert float(page.get_by_label("The same in numbers").input_value()) == pytest.approx(0.03)


def test_lines_tell_of_progress(lab):
    make = {"kernel": {"taps": [[1, 2, 1]]}, "noise": 0, "whole": False}
    *before, last = lab.learn(before="scene", make=make)
    told = [line["progress"] for line in before]
    assert told[0] == "waiting for a free worker"
    assert "looking for the kernel" in told
    fit = last["result"]["fit"]
    np.testing.assert_allclose(fit["kernel"]["weight"][0][0], [[1, 2, 1]], atol=1e-9)


def test_a_pair_that_does_not_fit_is_said(lab):
    (*_, last) = lab.learn(before="bar", after="scene")
    assert "after must not be larger than before" in last["error"]


def test_a_narrow_page_is_not_wider_than_its_window(visit):
    page = done(visit("#learn?shape=5x5&noise=3", width=360))
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_an_answer_never_stands_under_another_question(visit):
    """Two files added one by one: nobody asked for the new before and the old after image."""
    first, second = np.split(lesson.scene((120, 80)), 2)
    taps = np.array([[0, 1, 2], [1, 4, 1], [3, 1, 3]]) / 16
    afters = [
        np.rint(kernfit.correlate2d(image.astype(float), taps, mode="same")).astype(np.uint8)
        for image in (first, second)
    ]
    page = done(visit("#learn?before=bar"))
    asked = []
    page.on("request", lambda request: asked.append(request.post_data or ""))
    upload(page, one=first, one_after=afters[0])
    expect(page.locator("#verdict")).to_contain_text("Found", timeout=30_000)
    assert sum('"after"' in body for body in asked) == 1
    upload(page, two=second)
    expect(page.locator("#pair")).to_contain_text("Before: two.png. After: not chosen yet")
    expect(page.locator("#verdict")).to_contain_text("Pick the after image")
    assert page.locator("#results table:visible").count() == 0
    upload(page, two_after=afters[1])
    expect(page.locator("#pair")).to_contain_text("Before: two.png. After: two_after.png")
    expect(page.locator("#verdict")).to_contain_text("Found", timeout=30_000)
    assert sum('"after"' in body for body in asked) == 2


def test_an_answer_to_another_question_is_dimmed(visit):
    page = done(visit(LESSON))
    results = page.locator("#results")
    assert results.get_attribute("data-stale") is None
    page.route("**/api/learn", lambda route: None)  # no answer comes
    page.get_by_label("Kernel's shape").select_option("2x2")
    expect(results).to_have_attribute("data-stale", "")


def test_what_rounding_leaves_is_not_drawn_as_something(visit):
    page = done(visit("#learn?before=portrait"))
    reach = numbers(page.get_by_text("Residual, ±").inner_text())[0]
    assert reach >= 1

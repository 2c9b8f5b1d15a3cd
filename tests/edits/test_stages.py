"""The conformance suite runs over every stage."""

import json

import numpy as np
import pytest
from stage_examples import EXAMPLES

from kernfit.edits.chain import Edit
from kernfit.edits.registry import STAGES
from kernfit.edits.where import Where

ROWS, COLUMNS = 14, 17


@pytest.fixture(params=EXAMPLES)
def stage(request):
    return EXAMPLES[request.param][0]


@pytest.fixture
def picture(request, stage):
    channels = next(count for made, count in EXAMPLES.values() if made is stage)
    return np.random.default_rng(3).uniform(0.1, 0.9, (channels, ROWS, COLUMNS))


WHERE = Where.whole(ROWS, COLUMNS)


def test_every_kind_has_an_example():
    assert {type(stage) for stage, _ in EXAMPLES.values()} == set(STAGES.values())


def test_its_record_gives_the_same_value(stage):
    told = stage.moved(stage.numbers, np.linspace(0.1, 0.2, len(stage.numbers)))
    edit = Edit((told,))
    back = Edit.from_dict(json.loads(json.dumps(edit.to_dict(), allow_nan=False)))
    assert back == edit
    assert back.stages[0].errors == told.errors


def test_numbers_go_in_and_out(stage):
    np.testing.assert_allclose(stage.moved(stage.numbers).numbers, stage.numbers, atol=1e-12)
    assert stage.numbers.dtype == np.float64
    assert stage.numbers.ndim == 1
    assert stage.ease.shape == stage.numbers.shape
    rest = stage.stiffness()
    assert rest is None or rest.shape == (len(stage.numbers),) * 2


def test_columns_are_the_derivative_by_the_numbers(stage, picture):
    columns = stage.columns(picture, WHERE)
    step = 1e-6
    assert columns.shape == (len(stage.numbers), *stage.apply(picture, WHERE).shape)
    for n in range(len(stage.numbers)):
        ahead, behind = stage.numbers, stage.numbers
        ahead[n] += step
        behind[n] -= step
        slope = stage.moved(ahead).apply(picture, WHERE)
        slope = (slope - stage.moved(behind).apply(picture, WHERE)) / (2 * step)
        np.testing.assert_allclose(columns[n], slope, atol=2e-4, rtol=1e-3)


def test_push_is_the_derivative_by_the_image(stage, picture):
    change = np.random.default_rng(4).normal(0, 1, (2, *picture.shape))
    pushed = stage.push(picture, change, WHERE)
    step = 1e-6
    for plane, made in zip(change, pushed, strict=True):
        slope = stage.apply(picture + step * plane, WHERE)
        slope = (slope - stage.apply(picture - step * plane, WHERE)) / (2 * step)
        np.testing.assert_allclose(made, slope, atol=2e-4, rtol=1e-3)


def test_a_pointwise_stage_takes_a_list_of_pixels(stage, picture):
    if not stage.pointwise:
        return
    rows, columns = np.array([0, 5, 13, 5]), np.array([16, 2, 0, 2])
    some = picture[:, rows, columns]
    np.testing.assert_allclose(
        stage.apply(some, WHERE.at(rows, columns)),
        stage.apply(picture, WHERE)[:, rows, columns],
        rtol=1e-12,
        atol=1e-14,
    )


def test_its_inverse_undoes_it(stage, picture):
    back = stage.inverse()
    if back is None:
        return
    there = stage.apply(picture, WHERE)
    again = back.apply(there, Where.whole(*there.shape[1:]))
    # The inverse of a free curve is a spline too: near, within a fiftieth of an 8-bit level.
    np.testing.assert_allclose(again, picture, atol=1e-4)


def test_it_says_what_it_does(stage):
    words = stage.words(255.0)
    assert words
    assert "\n" not in words
    assert "nan" not in words

"""Taps as text: aligned, errors beside, unknown ones marked, wide kernels on a line."""

import numpy as np

from kernfit.display import decimals_for, taps_as_html, taps_as_text


def test_integers_stay_integers():
    assert taps_as_text(np.array([[-1, 0], [10, 2]])) == "  -1    0\n  10    2"


def test_errors_give_the_decimals():
    assert decimals_for(np.array([0.012]), np.array([1.0])) == 3
    assert decimals_for(np.array([12.0]), np.array([100.0])) == 0
    assert decimals_for(np.array([np.nan, 0.0]), np.array([1.5])) == 6
    text = taps_as_text(np.array([[1.0, -0.00004]]), np.array([[0.012, np.nan]]))
    assert text == "  1.000 ± 0.012   0.000 ?"


def test_wide_kernels_are_whole_numbers_of_one_unit():
    taps = np.outer(np.hanning(15), np.hanning(13))
    errors = np.full(taps.shape, 2e-4)
    errors[0, 0] = np.nan
    lines = taps_as_text(taps, errors).splitlines()
    assert lines[0] == "  in units of 1e-4, each ± 2.0 or so:"
    assert len(lines) == 16
    assert max(map(len, lines)) < 100
    assert lines[1].count("?") == 1
    values = [int(cell) for cell in lines[8].replace("?", "").split()]
    assert np.allclose(values, taps[7] * 1e4, atol=0.5)


def test_html_escapes_and_colours():
    html = taps_as_html(np.array([[1.0, -2.0]]), caption="<b>")
    assert "&lt;b&gt;" in html
    assert "rgba(230,97,1,0.33)" in html
    assert "rgba(33,102,172,0.65)" in html


def test_tiny_taps_are_shown_in_a_unit_of_their_own():
    text = taps_as_text(np.array([[1.5e-6, -2e-7]]), np.array([[2e-9, 2e-9]]))
    assert text == "  in units of 1e-06:\n   1.5000 ± 0.0020   -0.2000 ± 0.0020"
    assert "in units of 1e-06" in taps_as_html(np.array([[1.5e-6]]))

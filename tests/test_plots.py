"""Figures: axes in, axes out, zero neutral, what they say."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from kernfit import InvalidInput, Kernel, catalogue, correlate2d, learn
from kernfit.lesson import scene
from kernfit.plots import plot_taps, save_kernel


def numbers(ax):
    return [text.get_text() for text in ax.texts]


def test_zero_is_white_and_the_scale_is_symmetric():
    ax = plot_taps(np.array([[1.0, -3.0], [0.0, 2.0]]))
    image = ax.images[0]
    assert image.get_clim() == (-3, 3)
    assert np.allclose(image.cmap(image.norm(0.0))[:3], 0.97, atol=0.03)
    assert numbers(ax) == ["1", "-3", "0", "2"]


def test_errors_stand_below_and_unknown_ones_are_marked():
    ax = plot_taps(np.array([[1.0, -1.0]]), np.array([[0.012, np.nan]]))
    assert numbers(ax) == ["1.000\n±0.012", "-1.000\n?"]


def test_axes_in_axes_out():
    ax = Figure().add_subplot()
    assert catalogue["sobel_x"].plot(ax=ax) is ax
    assert ax.get_title() == "sobel_x"
    fit = learn(scene((60, 60)), correlate2d(scene((60, 60)), [[1, 2], [3, 5]]))
    assert fit.plot().images[0].get_array().shape == (2, 2)


def test_every_channel_is_drawn(tmp_path):
    weight = np.arange(24.0).reshape(2, 3, 2, 2)
    save_kernel(weight, tmp_path / "k.svg")
    text = (tmp_path / "k.svg").read_text()
    assert all(f"{o} from {i}" in text for o in range(2) for i in range(3))
    with pytest.raises(InvalidInput, match="suffix must be one of .png"):
        save_kernel(weight, tmp_path / "k.gif")


def test_html_shows_every_tap():
    html = Kernel([[1, -2], [0, 7]], 3, name="odd <one>")._repr_html_()
    assert html.count("<td") == 4
    assert html.count('scope="row"') == html.count('scope="col"') - 1 == 2
    assert "odd &lt;one&gt;" in html
    assert "bias 3" in html


def test_tiny_taps_keep_their_digits():
    taps = np.array([[1.25e-5, -3.5e-5]])
    ax = plot_taps(taps, np.array([[2.1e-9, 2.1e-9]]))
    assert numbers(ax) == ["1.25000\n±0.00021", "-3.50000\n±0.00021"]
    assert ax.figure.axes[1].get_ylabel() == "tap, in units of 1e-05"


def test_errors_below_the_decimals_are_not_shown_as_nothing():
    assert numbers(plot_taps(np.array([[2.0]]), np.array([[3e-9]]))) == ["2.000000\n±3e-09"]


def test_a_frequency_response_is_drawn_with_its_band():
    response = catalogue["box_3"].frequency_response()
    ax = response.plot(label="along rows")
    assert ax is response.plot(ax=ax, label="other", dashed=True)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), response.gain)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["along rows", "other"]


def test_a_descent_draws_its_losses():
    path = learn(scene((30, 30)), scene((30, 30)), shape=1, descent=1e-9, steps=5).history
    ax = path.plot()
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), path.losses)
    assert ax.get_yscale() == "log"
    assert path.plot(ax=ax) is ax

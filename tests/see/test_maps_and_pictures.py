"""Feature maps of kernels, contact sheets, and the window behind an element."""

import numpy as np
import pytest

from kernfit import (
    InvalidInput,
    Kernel,
    LayerSpec,
    catalogue,
    correlate2d,
    feature_maps,
    plot_maps,
    receptive_field,
    run_tiled,
)
from kernfit.io.images import read_image, write_image
from kernfit.plots import save_figure

IMAGE = np.random.default_rng(0).integers(0, 255, (20, 30)).astype(np.uint8)


def test_maps_of_kernels_are_their_correlations(tmp_path):
    kernels = [Kernel([[1, -1]], anchor=(0, 1)), catalogue["sobel_x"]]
    maps = feature_maps(kernels, IMAGE)
    assert maps.shape == (2, 20, 30)
    for found, kernel in zip(maps, kernels, strict=True):
        expected = correlate2d(IMAGE.astype(float), kernel, mode="same", boundary="edge")
        np.testing.assert_array_equal(found, expected)
    write_image(tmp_path / "x.png", IMAGE)
    np.testing.assert_array_equal(feature_maps(kernels, tmp_path / "x.png"), maps)
    np.testing.assert_allclose(feature_maps(kernels, IMAGE, divide=255), maps / 255)


def test_maps_of_a_kernel_that_mixes_channels():
    weight = np.arange(36.0).reshape(2, 3, 2, 3)
    kernel = Kernel(weight, bias=[1, -1], anchor=(1, 0))
    image = np.random.default_rng(1).normal(size=(3, 9, 8))
    expected = [
        sum(
            correlate2d(image[c], Kernel(weight[o, c], anchor=(1, 0)), mode="same", boundary="edge")
            for c in range(3)
        )
        + kernel.bias[o]
        for o in range(2)
    ]
    np.testing.assert_allclose(feature_maps(kernel, image), expected)
    with pytest.raises(InvalidInput, match="must have the kernel's 3 channels, got 1"):
        feature_maps(kernel, image[0])
    with pytest.raises(InvalidInput, match="layer must be a node of the model, got 'conv': try"):
        feature_maps(kernel, image, "conv")


def test_kernels_one_after_another(tmp_path):
    edges = [Kernel([[1, -1]], anchor=(0, 1), name="edge"), catalogue["sobel_y"]]
    mixed = Kernel(np.arange(60.0).reshape(3, 2, 2, 5), anchor=(0, 4))
    stack = [edges, mixed, [catalogue["box_3"]]]
    first = feature_maps(stack, IMAGE, "layer1")
    np.testing.assert_array_equal(first, feature_maps(edges, IMAGE))
    np.testing.assert_array_equal(feature_maps(stack, IMAGE, "layer1:1"), first[1:])
    second = feature_maps(stack, IMAGE, "layer2")
    np.testing.assert_array_equal(second, feature_maps(mixed, first))
    np.testing.assert_array_equal(
        feature_maps(stack, IMAGE), feature_maps(catalogue["box_3"], second)
    )
    # By hand: columns from -1 - 4 - 1 on, to 1 + 1; rows from -1 - 1 to 1 + 1 + 1.
    field = receptive_field(stack)
    assert field.window(0, 0) == ((-2, 4), (-6, 3))
    assert receptive_field(stack, "layer1:0").size == (1, 2)
    with pytest.raises(InvalidInput, match="layer must be a node of the model, got 'layer4'"):
        feature_maps(stack, IMAGE, "layer4")
    assert field.plot(IMAGE, element=(3, 4)).get_title() == "layer3 [3, 4] sees 6x9"


def test_tiles_of_kernels_equal_the_whole():
    stack = [[catalogue["sobel_x"], Kernel(np.arange(8).reshape(2, 4))], [catalogue["box_3"]]]
    np.testing.assert_array_equal(
        run_tiled(stack, IMAGE, tile=12), feature_maps(stack, IMAGE.astype(np.float32))
    )


def test_the_contact_sheet_has_a_label_for_every_map():
    figure = plot_maps(np.ones((5, 8, 9)), names=list("abcde"), columns=3)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles[:5] == [f"{name}: ±1" for name in "abcde"]
    with pytest.raises(InvalidInput, match="names must name 5 maps, got 1"):
        plot_maps(np.ones((5, 8, 9)), names=["a"])
    with pytest.raises(InvalidInput, match=r"maps must have shape .* got \(8, 9\)"):
        plot_maps(np.ones((8, 9)))


def test_the_window_is_drawn_where_it_is(tmp_path):
    field = receptive_field([LayerSpec(5, 2, padding=2), LayerSpec(3)])
    ax = field.plot(IMAGE, element=(3, 0))
    (top, bottom), (left, right) = field.window(3, 0)
    for patch in ax.patches:
        assert (patch.get_x(), patch.get_y()) == (left - 0.5, top - 0.5)
        assert (patch.get_width(), patch.get_height()) == (right - left, bottom - top)
    assert field.plot(np.stack([IMAGE] * 3), element=(0, 0)).get_title() == "layer2 [0, 0] sees 9x9"
    save_figure(ax.figure, tmp_path / "window.png")
    assert read_image(tmp_path / "window.png").pixels.shape[0] == 3
    with pytest.raises(InvalidInput, match="the picture's suffix must be one of"):
        save_figure(ax.figure, tmp_path / "window.bmp")


def test_a_field_draws_itself_in_the_middle():
    from matplotlib.figure import Figure

    field = receptive_field([LayerSpec(3, 2, padding=1)])
    ax = Figure().add_subplot()
    assert field.plot(IMAGE, ax=ax) is ax
    assert ax.get_title() == "layer1 [5, 7] sees 3x3"
    assert field.plot(element=(1, 0)).patches[0].get_y() == field.window(1, 0)[0][0] - 0.5
    assert field.plot().get_title() == "layer1 [0, 0] sees 3x3"


def test_maps_are_drawn_into_a_figure_and_bear_what_is_not_finite():
    from matplotlib.figure import Figure

    maps = np.ones((2, 4, 4))
    maps[0, 1, 1], maps[0, 2, 2], maps[1] = np.nan, np.inf, np.nan
    figure = Figure()
    assert plot_maps(maps, figure=figure) is figure
    assert [ax.get_title() for ax in figure.axes] == ["map 0: ±1", "map 1: ±0"]
    image = figure.axes[0].images[0]
    assert image.get_clim() == (-1, 1)
    assert image.get_array().mask.sum() == 2


def test_fields_show_themselves():
    field = receptive_field([LayerSpec((3, 5), stride=2), LayerSpec(3)])
    assert repr(field) == "ReceptiveField of 'layer2': size 7 x 9, stride 2 x 2, padding 0 x 0"
    html = field._repr_html_()
    assert html.count("<th") == html.count("<td") == 3
    assert "7 x 9" in html

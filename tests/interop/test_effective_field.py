"""The effective receptive field: known spreads, within the window."""

# ruff: noqa: E402 (imports wait for what may not be installed)
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn

from kernfit import InvalidInput, LayerSpec, effective_field

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


def boxes(count):
    layers = [nn.Conv2d(1, 1, 3, padding=1) for _ in range(count)]
    for layer in layers:
        nn.init.ones_(layer.weight)
    return nn.Sequential(*layers)


def test_two_box_filters_make_a_triangle():
    found = effective_field(boxes(2), (21, 17))
    triangle = np.array([1, 2, 3, 2, 1]) / 3
    expected = np.zeros((21, 17))
    expected[8:13, 6:11] = np.outer(triangle, triangle)
    np.testing.assert_allclose(found.strength, expected, atol=1e-6)
    # By hand: sum of place^2 * weight^2 is 2 * (1 * 4 + 4 * 1) over 19.
    np.testing.assert_allclose(found.spread, [np.sqrt(16 / 19)] * 2, rtol=1e-6)
    assert found.field.size == (5, 5)


def test_it_is_zero_outside_the_window_of_the_element():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 3, (3, 5)))
    found = effective_field(model, (40, 44), element=(3, 2))
    (top, bottom), (left, right) = found.field.window(3, 2)
    inside = found.strength[top:bottom, left:right]
    assert np.count_nonzero(inside) == inside.size
    assert np.count_nonzero(found.strength) == inside.size
    assert effective_field(model, (40, 44), "0").field.size == (3, 3)


def test_what_has_no_gradient_is_refused():
    with pytest.raises(InvalidInput, match=r"element must lie within the map of \(9, 9\), got"):
        effective_field(boxes(1), (9, 9), element=(9, 0))
    with pytest.raises(InvalidInput, match="must be a feature map"):
        effective_field(nn.Sequential(boxes(1), nn.Flatten()), (9, 9))
    with pytest.raises(InvalidInput, match="model must be a torch"):
        effective_field([LayerSpec(3)], (9, 9))

"""The effective receptive field: known spreads, within the window."""

# ruff: noqa: E402 (imports wait for what may not be installed)
import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx_models
from torch import nn

from kernfit import InvalidInput, Kernel, LayerSpec, effective_field

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


def test_an_onnx_model_is_measured_as_torch_derives(tmp_path):
    """Without non-linear layers both must be equal; the padding at the border is felt."""
    m = onnx_models.Model(channels=2)
    x = m.conv("image", 4, 3, stride=2, relu=False)
    model = m.build(m.conv(x, 3, (3, 5), padding=[1, 2, 1, 2], relu=False))
    weights = [torch.tensor(onnx.numpy_helper.to_array(t)) for t in model.graph.initializer]
    layers = nn.Sequential(nn.Conv2d(2, 4, 3, 2, 1), nn.Conv2d(4, 3, (3, 5), 1, (1, 2)))
    layers.load_state_dict(dict(zip(layers.state_dict(), weights, strict=True)))
    for element in (None, (1, 0)):
        expected = effective_field(layers, (24, 28), element=element, images=200)
        got = effective_field(model, (24, 28), element=element, images=40)
        assert got.field.size == expected.field.size == (7, 11)
        assert np.array_equal(got.strength > 0, expected.strength > 0)
        np.testing.assert_allclose(got.strength, expected.strength, atol=0.25)
        np.testing.assert_allclose(got.spread, expected.spread, rtol=0.1)


def test_a_keras_model_is_measured(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    layers = [keras.layers.Conv2D(1, 3, padding="same", activation="relu") for _ in range(2)]
    model = keras.Sequential([keras.Input((None, None, 1)), *layers])
    model.set_weights([np.ones_like(w) for w in model.get_weights()])
    layers[0].set_weights([np.ones((3, 3, 1, 1)), np.full(1, 50.0)])  # so that nothing is cut
    found = effective_field(model, (21, 17), images=1)
    triangle = np.array([1, 2, 3, 2, 1]) / 3
    expected = np.zeros((21, 17))
    expected[8:13, 6:11] = np.outer(triangle, triangle)
    np.testing.assert_allclose(found.strength, expected, atol=2e-3)


def test_a_coarse_grain_keeps_the_spread():
    stack = [[Kernel(np.ones((9, 1)))], [Kernel(np.ones((9, 5)))]]
    fine = effective_field(stack, (40, 40), grain=1, images=2)
    coarse = effective_field(stack, (40, 40), grain=2, images=400)
    assert len(np.unique(coarse.strength)) < len(np.unique(fine.strength.round(4))) * 10
    np.testing.assert_allclose(coarse.spread, fine.spread, rtol=0.06)
    np.testing.assert_allclose(coarse.strength, fine.strength, atol=0.25)
    with pytest.raises(InvalidInput, match="grain must be at least 1, got 0"):
        effective_field(stack, (9, 9), grain=0)


def test_what_sees_the_whole_image_is_measured_on_all_of_it():
    m = onnx_models.Model()
    x = m.conv("image", 2, relu=False)
    model = m.build(m.op("Sub", x, m.op("GlobalAveragePool", x)))
    assert np.count_nonzero(effective_field(model, (9, 8), images=1).strength) == 72


def test_what_has_no_gradient_is_refused():
    with pytest.raises(InvalidInput, match=r"element must lie within the map of \(9, 9\), got"):
        effective_field(boxes(1), (9, 9), element=(9, 0))
    with pytest.raises(InvalidInput, match="must be a feature map"):
        effective_field(nn.Sequential(boxes(1), nn.Flatten()), (9, 9))
    with pytest.raises(InvalidInput, match="must have weights to be run"):
        effective_field([LayerSpec(3)], (9, 9))

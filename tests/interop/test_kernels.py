"""Kernels written as layers, and layers read as kernels: the same results."""

import numpy as np
import pytest

from kernfit import InvalidInput, Kernel, RefusedFile, conv2d, correlate2d
from kernfit.interop.kernels import kernel_of, to_keras, to_onnx, to_torch

KERNELS = [
    Kernel(np.arange(1.0, 7).reshape(2, 3), bias=0.5),
    Kernel([[1.0, -3.0]], anchor=(0, 1), bias=-1),
    Kernel(np.arange(1.0, 21).reshape(4, 5), anchor=(3, 0)),
    Kernel([[1, 2, 1]] * 3),
]
IMAGE = np.random.default_rng(0).normal(size=(13, 11))
BATCH = IMAGE[None, None].astype(np.float32)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("boundary", ["constant", "edge", "reflect"])
@pytest.mark.parametrize("mode", ["same", "valid"])
class TestRoundTrips:
    def test_torch(self, kernel, boundary, mode):
        torch = pytest.importorskip("torch")
        module = to_torch(kernel, mode=mode, boundary=boundary)
        with torch.no_grad():
            got = module(torch.from_numpy(BATCH))[0, 0].numpy()
        expected = correlate2d(IMAGE, kernel, mode=mode, boundary=boundary)
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(kernel_of(module).taps, kernel.taps)

    def test_onnx(self, kernel, boundary, mode, tmp_path):
        runtime = pytest.importorskip("onnxruntime")
        pytest.importorskip("onnx")
        to_onnx(kernel, path := tmp_path / "k.onnx", mode=mode, boundary=boundary)
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        got = session.run(None, {"image": BATCH})[0][0, 0]
        expected = correlate2d(IMAGE, kernel, mode=mode, boundary=boundary)
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
        back = kernel_of(path)
        np.testing.assert_array_equal(back.taps, kernel.taps)
        if mode == "same" and boundary == "constant":
            assert back == kernel


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("mode", ["same", "valid"])
def test_keras(kernel, mode, keras):
    batch = BATCH[0, 0, None, ..., None]
    got = to_keras(kernel, mode=mode)(batch).detach().numpy()
    expected = correlate2d(IMAGE, kernel, mode=mode)
    np.testing.assert_allclose(got[0, :, :, 0], expected, rtol=1e-5, atol=1e-5)


@pytest.fixture
def keras(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras")


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_groups_dilation_and_padding_are_written_out(groups):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(4, 8, (3, 2), padding=(2, 1), dilation=(2, 1), groups=groups)
    kernel = kernel_of(torch.nn.Sequential(torch.nn.ReLU(), layer), "1")
    assert (kernel.shape, kernel.anchor) == ((5, 2), (2, 1))
    image = np.random.default_rng(0).normal(size=(1, 4, 9, 8)).astype(np.float32)
    with torch.no_grad():
        expected = layer(torch.from_numpy(image)).numpy()
    got = conv2d(image, kernel.weight.astype(np.float32), kernel.bias, padding=(2, 1))
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_wrong_layers_are_named(tmp_path):
    torch = pytest.importorskip("torch")
    two = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3), torch.nn.Conv2d(1, 1, 3))
    with pytest.raises(InvalidInput, match="layer must be one of the convolutions 0, 1, got None"):
        kernel_of(two)
    with pytest.raises(InvalidInput, match="mode must be one of same, valid, got 'full'"):
        to_torch(KERNELS[0], mode="full")
    with pytest.raises(InvalidInput, match="boundary must be one of constant, edge, reflect"):
        to_torch(KERNELS[0], boundary="wrap")
    pytest.importorskip("onnx")
    with pytest.raises(RefusedFile, match=r"must end in \.onnx"):
        to_onnx(KERNELS[0], tmp_path / "k.json")
    assert list(tmp_path.iterdir()) == []

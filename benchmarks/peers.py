"""The other libraries: how each is asked for the very same correlation.

Every function takes a `Task` and returns a call without arguments. What can be done once, before
any image is seen (flipping taps, building sessions, compiling), is done outside that call. All
give an output for each pixel, with zeros beyond the image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from benchmarks.timing import Call


class LeftOut(Exception):
    """Why a peer has no figure in a cell, in a few words."""


@dataclass(frozen=True, slots=True)
class Task:
    """One correlation, zero beyond the image, the result as large as the image."""

    image: np.ndarray
    taps: np.ndarray
    result: np.dtype[Any]
    threads: int

    @property
    def floating(self) -> np.dtype[Any]:
        """What integers are turned into by libraries that only know floats."""
        return self.image.dtype if self.image.dtype.kind == "f" else np.dtype("f4")


@dataclass(frozen=True, slots=True)
class Peer:
    """One function of one library."""

    name: str
    package: str  # as it is installed
    setup: Callable[[Task], Call]
    tap: float  # nanoseconds for one tap of one pixel, roughly, to foresee what takes too long
    pixel: float = 10.0  # and what a pixel costs besides
    has_threads: bool = True

    def version(self) -> str:
        """Of the package that is installed, maybe as one without code for GPUs."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return version(f"{self.package}-cpu")

    def call(self, task: Task, patience: float) -> Call:
        """Return the call to time, or raise `LeftOut`."""
        if task.threads > 1 and not self.has_threads:
            raise LeftOut("one thread only")
        seconds = 1e-9 * task.image.size * (self.pixel + self.tap * task.taps.size)
        if seconds > patience:
            raise LeftOut(f"about {seconds:.0f} s")
        try:
            return self.setup(task)
        except ImportError as error:
            raise LeftOut("not installed") from error


_MOST_MEMORY = 6e9  # bytes


def _opencv(task: Task) -> Call:
    cv2 = import_module("cv2")
    cv2.setNumThreads(task.threads)
    depth = {"int16": cv2.CV_16S, "int32": cv2.CV_32F}.get(task.result.name, -1)
    taps = np.ascontiguousarray(task.taps, task.floating)
    border = cv2.BORDER_CONSTANT
    return Call(lambda: cv2.filter2D(task.image, depth, taps, borderType=border))


def _torch(task: Task) -> Call:
    torch = import_module("torch")
    # Without its own code for this dtype, torch lays out every patch of the whole image.
    need = task.taps.size * task.image.size * task.floating.itemsize
    if task.floating == np.float64 and need > _MOST_MEMORY:
        raise LeftOut(f"needs {need / 1e9:.0f} GB")
    torch.set_num_threads(task.threads)
    image = torch.from_numpy(task.image)[None, None]
    taps = torch.from_numpy(np.ascontiguousarray(task.taps, task.floating))[None, None]
    conv2d, kind, pad = torch.nn.functional.conv2d, taps.dtype, len(task.taps) // 2

    def run() -> Any:
        with torch.inference_mode():
            return conv2d(image.to(kind), taps, padding=pad)[0, 0]

    return Call(run)


def _jax(task: Task) -> Call:
    jax = import_module("jax")
    if task.image.dtype == np.float64:
        # jaxlib 0.10.2 here: 3x3 on 512x512 reads memory that is not its own.
        raise LeftOut("crashes the process")
    jax.config.update("jax_platforms", "cpu")
    image = jax.numpy.asarray(task.image)
    taps = jax.numpy.asarray(task.taps, task.floating)[None, None]

    def correlate(image: Any, taps: Any) -> Any:
        image = image[None, None].astype(taps.dtype)
        return jax.lax.conv_general_dilated(image, taps, (1, 1), "SAME")[0, 0]

    compiled = jax.jit(correlate).lower(image, taps).compile()
    # It takes as many threads as there are cores, and can only be kept to one core.
    return Call(lambda: compiled(image, taps).block_until_ready(), pinned=task.threads == 1)


def _tensorflow(task: Task) -> Call:
    tensorflow = import_module("tensorflow")
    # Channels last is the only order that it knows on a CPU.
    image = tensorflow.constant(task.image[None, :, :, None])
    taps = tensorflow.constant(task.taps.astype(task.floating)[:, :, None, None])

    def run() -> Any:
        pixels = image if image.dtype == taps.dtype else tensorflow.cast(image, taps.dtype)
        return tensorflow.nn.conv2d(pixels, taps, 1, "SAME")

    # How many threads it takes can be said once only, before anything is computed.
    return Call(run, pinned=task.threads == 1)


def _onnxruntime(task: Task) -> Call:
    onnx, runtime = import_module("onnx"), import_module("onnxruntime")
    if task.image.dtype == np.float64:
        raise LeftOut("no float64")
    whole = task.image.dtype.kind == "u"
    types = onnx.TensorProto
    load, total = (types.UINT8, types.INT32) if whole else (types.FLOAT, types.FLOAT)
    taps = task.taps.astype(np.int8 if whole else np.float32)[None, None]
    node = onnx.helper.make_node(
        "ConvInteger" if whole else "Conv", ["x", "w"], ["y"], pads=[len(task.taps) // 2] * 4
    )
    shape = [1, 1, *task.image.shape]
    graph = onnx.helper.make_graph(
        [node],
        "correlation",
        [onnx.helper.make_tensor_value_info("x", load, shape)],
        [onnx.helper.make_tensor_value_info("y", total, shape)],
        [onnx.numpy_helper.from_array(taps, "w")],
    )
    operators = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, opset_imports=operators, ir_version=8)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = task.threads
    session = runtime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    image = task.image[None, None]
    return Call(lambda: session.run(None, {"x": image})[0][0, 0])


def _vips(task: Task) -> Call:
    pyvips = import_module("pyvips")
    pyvips.cache_set_max(0)  # it would remember results
    pyvips.vips_lib.vips_concurrency_set(task.threads)
    (rows, columns), pad = task.image.shape, len(task.taps) // 2
    image = pyvips.Image.new_from_array(task.image)
    taps = pyvips.Image.new_from_array(task.taps.tolist())

    def run() -> Any:
        wide = image.embed(pad, pad, columns + 2 * pad, rows + 2 * pad, extend="black")
        return wide.conv(taps, precision="float").crop(pad, pad, columns, rows).numpy()

    return Call(run)


def _ndimage(task: Task) -> Call:
    from scipy.ndimage import correlate

    taps, result = task.taps, task.result
    return Call(lambda: correlate(task.image, taps, output=result, mode="constant"))


def _scipy_fft(name: str, task: Task) -> Call:
    from scipy import fft, signal

    taps = task.taps[::-1, ::-1]
    transform = getattr(signal, name)
    if name == "fftconvolve":  # several copies of the whole image, padded
        need = 5 * 8 * (np.add(task.image.shape, task.taps.shape)).prod()
        if need > _MOST_MEMORY:
            raise LeftOut(f"needs {need / 1e9:.0f} GB")

    def run() -> Any:
        with fft.set_workers(task.threads):
            return transform(task.image, taps, mode="same")

    return Call(run)


PEERS = (
    Peer("cv2.filter2D", "opencv-python-headless", _opencv, tap=0.0),
    Peer("torch conv2d", "torch", _torch, tap=0.5, pixel=60),
    Peer("jax conv", "jax", _jax, tap=0.5, pixel=60),
    Peer("tensorflow conv2d", "tensorflow", _tensorflow, tap=0.3, pixel=10),
    Peer("onnxruntime Conv", "onnxruntime", _onnxruntime, tap=0.35),
    Peer("pyvips conv", "pyvips", _vips, tap=1.0, pixel=20),
    Peer("scipy.ndimage", "scipy", _ndimage, tap=0.6, has_threads=False),
    Peer("scipy oaconvolve", "scipy", partial(_scipy_fft, "oaconvolve"), tap=0.0, pixel=60),
    Peer("scipy fftconvolve", "scipy", partial(_scipy_fft, "fftconvolve"), tap=0.0, pixel=60),
)

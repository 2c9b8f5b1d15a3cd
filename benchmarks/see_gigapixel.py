"""Tiled inference on one gigapixel: memory stays bounded by the plan, whatever the image's size.

    python benchmarks/see_gigapixel.py [SIDE] [TILE]

An image of SIDE x SIDE pixels (default 32768: a gigapixel) in Zarr goes through a small network
(two 3x3 convolutions with 4 channels
between them, ONNX Runtime) into Zarr. Each size runs in a process of its own, so that
peak memory is its own. The same part is compared with that part run alone.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from kernfit import run_tiled, tile_plan


def main(side: int, tile: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'image':>15} {'tiles':>6} {'seconds':>8} {'Mpixel/s':>9} {'peak MiB':>9}")
        for length in (side // 8, side):
            command = [sys.executable, __file__, "one", str(length), str(tile), folder]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout)
            print(
                f"{length:>7}x{length:<7} {found['tiles']:>6} {found['seconds']:>8.1f} "
                f"{length**2 / 1e6 / found['seconds']:>9.1f} {found['peak']:>9.0f}"
            )


def network() -> bytes:
    """Return two 3x3 convolutions, one channel to four to one, whole weights, as ONNX."""
    from onnx import TensorProto, helper, numpy_helper

    rng, make = np.random.default_rng(0), helper.make_node
    arrays = {
        "first": rng.integers(-1, 2, (4, 1, 3, 3)).astype(np.float32),
        "second": rng.integers(-1, 2, (1, 4, 3, 3)).astype(np.float32),
    }
    nodes = [
        make("Conv", ["image", "first"], ["a"], "conv1", pads=[1] * 4),
        make("Relu", ["a"], ["b"], "relu"),
        make("Conv", ["b", "second"], ["result"], "conv2", pads=[1] * 4),
    ]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, "rows", "columns"])
        for name in ("image", "result")
    ]
    stored = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "network", values[:1], values[1:], stored)
    opset = helper.make_opsetid("", 13)
    model: bytes = helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()
    return model


def one(length: int, tile: int, folder: Path) -> None:
    import zarr

    chunk = 1024
    source = zarr.create_array(
        str(folder / f"image{length}.zarr"),
        shape=(length, length),
        chunks=(chunk, chunk),
        dtype="uint8",
        compressors=None,
    )
    rng = np.random.default_rng(0)
    for row in range(0, length, chunk):
        source[row : row + chunk] = rng.integers(
            0, 255, (min(chunk, length - row), length), np.uint8
        )
    model = folder / "network.onnx"
    model.write_bytes(network())
    plan = tile_plan(model, (length, length), tile=tile)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.perf_counter()
    run_tiled(model, source, folder / f"result{length}.zarr", plan=plan)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result = zarr.open_array(str(folder / f"result{length}.zarr"), mode="r")
    near = slice(length // 2 - 64, length // 2 + 164)
    alone = run_tiled(model, np.asarray(source[near, near]))
    if not np.array_equal(alone[0, 64:-64, 64:-64], result[near, near][64:-64, 64:-64]):
        raise SystemExit("the part run alone differs")
    print(json.dumps({"tiles": plan.count, "seconds": seconds, "peak": peak, "before": before}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        one(int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
    else:
        given = [int(argument) for argument in sys.argv[1:]] + [32768, 2048][len(sys.argv) - 1 :]
        main(*given)

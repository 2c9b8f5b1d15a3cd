import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kernfit import Kernel, RefusedFile
from kernfit.io.kernels import MAX_BYTES, read_kernel_record, write_kernel_record

SHAPES = hnp.array_shapes(min_dims=4, max_dims=4, max_side=3)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
WEIGHTS = hnp.arrays(np.float64, SHAPES, elements=FINITE) | hnp.arrays(np.int64, SHAPES)


@given(weight=WEIGHTS, data=st.data(), name=st.text(st.characters(exclude_categories=["Cs"])))
def test_json_round_trip_to_the_last_bit(tmp_path_factory, weight, data, name):
    outputs, _, rows, columns = weight.shape
    kernel = Kernel(
        weight,
        data.draw(hnp.arrays(np.float64, outputs, elements=FINITE)),
        anchor=(data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))),
        name=name,
    )
    path = tmp_path_factory.mktemp("kernels") / "k.json"
    kernel.save(path)
    found = Kernel.load(path)
    assert found == kernel
    assert found.weight.tobytes() == kernel.weight.tobytes()
    assert found.weight.dtype == kernel.weight.dtype
    assert found.bias.tobytes() == kernel.bias.tobytes()
    assert found.name == name


@pytest.mark.parametrize("suffix", [".json", ".npy", ".txt", ".JSON", ".Npy", ".TXT"])
@pytest.mark.parametrize(
    "taps",
    [
        [[1, -1]],
        [[1], [2], [3]],
        [[2**63 - 1, -(2**63)]],
        [[0.1, -1 / 3, 5e-324], [1e308, -0.0, np.nextafter(1, 2)]],
        [[1.0, 2.0]],
    ],
)
def test_bare_taps_round_trip(tmp_path, taps, suffix):
    kernel = Kernel(taps)
    kernel.save(tmp_path / f"k{suffix}")
    found = Kernel.load(tmp_path / f"k{suffix}")
    assert found == kernel
    assert found.weight.dtype == kernel.weight.dtype
    assert found.weight.tobytes() == kernel.weight.tobytes()


def test_npy_keeps_channels(tmp_path):
    kernel = Kernel(np.arange(2 * 3 * 2 * 2).reshape(2, 3, 2, 2))
    kernel.save(tmp_path / "k.npy")
    assert Kernel.load(tmp_path / "k.npy") == kernel
    Kernel([[1, 2]]).save(tmp_path / "k.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "k.npy"), [[1, 2]])


def test_json_is_readable_by_people(tmp_path):
    Kernel([[1, -1]], 0.5, name="é, ").save(tmp_path / "k.json")
    assert (tmp_path / "k.json").read_text("utf-8").splitlines() == [
        '{"format": "kernfit-kernel",',
        ' "version": 1,',
        ' "weight": [[[[1, -1]]]],',
        ' "bias": [0.5],',
        ' "anchor": [0, 0],',
        ' "name": "é, "}',
    ]


@pytest.mark.parametrize(
    "text",
    [
        "1 -1\n",
        "1, -1",
        "# a comment\n\n 1\t-1  # and another\n",
        "\ufeff1 -1\r\n",
    ],
)
def test_tables_of_taps(tmp_path, text):
    (tmp_path / "k.txt").write_text(text, encoding="utf-8", newline="")
    found = Kernel.load(tmp_path / "k.txt")
    assert found == Kernel([[1, -1]])
    assert found.weight.dtype == np.int64


def test_tables_as_numpy_writes_them(tmp_path):
    taps = np.random.default_rng(0).normal(size=(3, 4))
    np.savetxt(tmp_path / "k.txt", taps, header="three rows")
    np.testing.assert_array_equal(Kernel.load(tmp_path / "k.txt").taps, taps)
    Kernel(taps).save(tmp_path / "k.txt")
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "k.txt"), taps)


def test_small_and_swapped_dtypes(tmp_path):
    for dtype in ("f4", ">f8", "u1", "?", "u8", ">i2"):
        np.save(tmp_path / "k.npy", np.array([[1, 0]], dtype))
        found = Kernel.load(tmp_path / "k.npy")
        assert found == Kernel([[1, 0]])
        assert found.weight.dtype == (np.float64 if "f" in dtype else np.int64)


@pytest.mark.parametrize(
    ("kernel", "suffix", "words"),
    [
        (Kernel([[1, 2]], 3), ".npy", r"can hold bare taps, the kernel has a bias: write a \.json"),
        (Kernel([[1, 2]], 3), ".txt", r"can hold bare taps, the kernel has a bias"),
        (Kernel([[1, 2]], anchor=(0, 1)), ".npy", r"anchor \(0, 1\) is not the default \(0, 0\)"),
        (Kernel([[1, 2]], anchor=(0, 1)), ".txt", r"anchor \(0, 1\) is not the default \(0, 0\)"),
        (Kernel(np.ones((2, 3, 1, 1))), ".txt", "one table of taps, the kernel has 3 input and 2"),
        (Kernel([[1, 2]]), ".csv", r"must end in \.json, \.npy or \.txt to be a kernel file"),
        (Kernel([[1, 2]]), "", r"must end in \.json, \.npy or \.txt"),
    ],
)
def test_what_a_format_cannot_hold(tmp_path, kernel, suffix, words):
    with pytest.raises(RefusedFile, match=rf"k{suffix} .*{words}"):
        kernel.save(tmp_path / f"k{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_records_that_json_cannot_hold(tmp_path):
    record = Kernel([[1]]).to_dict()
    with pytest.raises(RefusedFile, match=r"k\.json cannot hold NaN or infinity: give finite"):
        write_kernel_record(tmp_path / "k.json", {**record, "bias": [np.nan]})
    with pytest.raises(RefusedFile, match=r"k\.json cannot hold the kernel's name: use plain"):
        write_kernel_record(tmp_path / "k.json", {**record, "name": "\ud800"})
    assert list(tmp_path.iterdir()) == []


def good(**changes):
    return {"format": "kernfit-kernel", "version": 1, "weight": [[1, -1]], **changes}


def test_unknown_keys_are_for_later(tmp_path):
    (tmp_path / "k.json").write_text(json.dumps(good(colour="blue", fit={"rms": 1})))
    assert Kernel.load(tmp_path / "k.json") == Kernel([[1, -1]])
    assert set(read_kernel_record(tmp_path / "k.json")) == {"weight", "name"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (good(format="other"), 'must have "format": "kernfit-kernel": write it with Kernel.save'),
        ([1, 2], 'must have "format"'),
        ("text", 'must have "format"'),
        (good(version=2), "is of version 2, this kernfit reads up to 1: update kernfit"),
        (good(version=10**30), "update kernfit"),
        (good(version=0), 'must have a "version" of 1 or more'),
        (good(version="1"), 'must have a "version" of 1 or more'),
        (good(version=True), 'must have a "version" of 1 or more'),
        ({"format": "kernfit-kernel"}, 'must have a "version"'),
        ({"format": "kernfit-kernel", "version": 1}, 'must have "weight", the taps'),
        (good(weight=[[1, 2], [3]]), 'must have rows of equal length in "weight"'),
        (good(weight=[[1, [2]]]), 'must have rows of equal length in "weight"'),
        (good(weight=[1, 2]), r"must hold taps with axes .* got shape \(2,\)"),
        (good(weight=[[[1]]]), r"must hold taps with axes .* got shape \(1, 1, 1\)"),
        (good(weight=[[]]), r"at least one, got shape \(1, 0\)"),
        (good(weight=3), r"got shape \(\)"),
        (good(weight=None), 'must have only numbers in "weight"'),
        (good(weight=[["1"]]), 'must have only numbers in "weight"'),
        (good(weight=[[True]]), 'must have only numbers in "weight"'),
        (good(weight=[[{"a": 1}]]), 'must have only numbers in "weight"'),
        (good(weight=[[2**63]]), 'has an integer in "weight" beyond 64 bits'),
        (good(bias="1"), 'must have only numbers in "bias"'),
        (
            good(bias=[1, 2]),
            r"not hold a kernel: bias must be one number or have shape \(1,\)",
        ),
        (good(anchor=[0]), 'must have two integers as "anchor"'),
        (good(anchor=[0, 0.0]), 'must have two integers as "anchor"'),
        (good(anchor=[0, True]), 'must have two integers as "anchor"'),
        (good(anchor=[0, 2]), "does not hold a kernel: anchor must be one of the taps"),
        (good(name=3), 'must have text as "name", got 3'),
    ],
)
def test_json_of_another_meaning(tmp_path, content, words):
    (tmp_path / "k.json").write_text(json.dumps(content))
    with pytest.raises(RefusedFile, match=rf"k\.json .*{words}") as refusal:
        Kernel.load(tmp_path / "k.json")
    assert "\n" not in str(refusal.value)


HEAD = '{"format": "kernfit-kernel", "version": 1, '


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not readable JSON"),
        ("import os", "is not readable JSON"),
        (HEAD + '"weight": [[NaN]]}', r"is not readable JSON \(NaN is not a number of JSON"),
        (HEAD + '"weight": [[-Infinity]]}', "-Infinity is not a number of JSON"),
        (HEAD + '"weight": [[1e999]]}', 'must have finite numbers in "weight", got NaN or'),
        (HEAD + '"weight": [[1]], "bias": 1e999}', 'must have finite numbers in "bias"'),
        (HEAD + '"weight": [[1]], "weight": [[2]]}', "a key comes twice"),
        (HEAD + '"weight": [[1' + "0" * 5000 + "]]}", "is not readable JSON|beyond 64 bits"),
        ("[" * 100_000, "is nested too deeply|is not readable JSON"),
        (HEAD + '"weight": ' + "[" * 500 + "]" * 500 + "}", "must have|got shape"),
    ],
)
def test_json_that_is_damaged(tmp_path, text, words):
    (tmp_path / "k.json").write_text(text)
    with pytest.raises(RefusedFile, match=rf"k\.json .*({words})") as refusal:
        Kernel.load(tmp_path / "k.json")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 2\n3\n", "must have rows of equal length"),
        ("1 two\n", "must hold rows of numbers, got '1 two' in line 1"),
        ("1 nan\n", "must have finite numbers"),
        ("1 1e400\n", "must have finite numbers"),
        ("__import__('os').abort()\n", "must hold rows of numbers"),
        ("# nothing\n\n", "must hold at least one row of taps, got none"),
        (f"{2**64}\n", "beyond 64 bits"),
        ("1" + "0" * 5000, "must have finite numbers|beyond 64 bits"),
    ],
)
def test_tables_that_are_refused(tmp_path, text, words):
    (tmp_path / "k.txt").write_text(text)
    with pytest.raises(RefusedFile, match=rf"k\.txt .*({words})"):
        Kernel.load(tmp_path / "k.txt")


def test_bytes_that_are_not_text(tmp_path):
    for name in ("k.json", "k.txt"):
        (tmp_path / name).write_bytes(b"\xff\xfe1\x00")
        with pytest.raises(RefusedFile, match=rf"{name} must be UTF-8 text"):
            Kernel.load(tmp_path / name)


@pytest.mark.parametrize("array", [np.array([[1], None], object), np.ones((2, 2), complex)])
def test_arrays_that_are_refused(tmp_path, array):
    np.save(tmp_path / "k.npy", array, allow_pickle=True)
    with pytest.raises(RefusedFile, match=r"k\.npy must hold integers or real floating numbers"):
        Kernel.load(tmp_path / "k.npy")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_taps_that_are_not_finite(tmp_path, value):
    np.save(tmp_path / "k.npy", np.array([[1, value]]))
    with pytest.raises(RefusedFile, match=r"k\.npy must have finite numbers in \"weight\""):
        Kernel.load(tmp_path / "k.npy")


@pytest.mark.parametrize("shape", [(), (3,), (1, 2, 3), (0, 3)])
def test_arrays_without_the_axes_of_a_kernel(tmp_path, shape):
    np.save(tmp_path / "k.npy", np.ones(shape))
    with pytest.raises(RefusedFile, match=r"k\.npy must hold taps with axes"):
        Kernel.load(tmp_path / "k.npy")


@pytest.mark.parametrize("name", ["k.json", "k.txt", "k.npy"])
def test_files_that_are_no_kernel(tmp_path, name):
    with pytest.raises(RefusedFile, match=rf"{name} does not exist"):
        Kernel.load(tmp_path / name)
    (tmp_path / name).touch()
    with pytest.raises(RefusedFile, match=rf"{name} is empty"):
        Kernel.load(tmp_path / name)
    with (tmp_path / name).open("wb") as file:  # sparse: takes no room
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(RefusedFile, match=rf"{name} must have at most {MAX_BYTES} bytes"):
        Kernel.load(tmp_path / name)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(RefusedFile, match=rf"{name} must be a file, but it is a folder"):
        Kernel.load(tmp_path / name)


def test_other_suffixes(tmp_path):
    with pytest.raises(RefusedFile, match=r"k\.pkl must end in \.json, \.npy or \.txt"):
        Kernel.load(tmp_path / "k.pkl")

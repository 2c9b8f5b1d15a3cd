"""Many pairs: row by row or merged, failures reported, interruption survived."""

import csv
import json

import numpy as np
import pytest
from pictures import Interrupted, pair, texture

from kernfit import InvalidInput, RefusedFile, correlate2d, learn
from kernfit.cli import main
from kernfit.io.images import write_image
from kernfit.scale.many import learn_table
from kernfit.scale.tables import read_rows

pytestmark = pytest.mark.slow


def rows_of(path):
    if path.suffix == ".parquet":
        return pytest.importorskip("pyarrow.parquet").read_table(path).to_pylist()
    with open(path, newline="") as text:
        return list(csv.DictReader(text))


@pytest.fixture
def folder(tmp_path):
    """Twelve pairs of two cameras, each with a kernel of its own, and two broken rows."""
    kernels = {"a": np.array([[1, 2, 1]]) / 4, "b": np.array([[0, 1], [-1, 2.0]]) / 2}
    rows = []
    for number in range(12):
        camera = "ab"[number % 2]
        before = np.rint(texture((60, 70), seed=number)).astype(np.uint8)
        options = {"mode": "same", "boundary": "edge", "dtype": "uint8", "overflow": "saturate"}
        write_image(tmp_path / f"b{number}.png", before)
        write_image(tmp_path / f"a{number}.png", correlate2d(before, kernels[camera], **options))
        rows.append({"before": f"b{number}.png", "after": f"a{number}.png", "camera": camera})
    rows.insert(3, {"before": "b0.png", "after": "missing.png", "camera": "a"})
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnonsense")
    rows.insert(7, {"before": "broken.png", "after": "a1.png", "camera": "b"})
    with open(tmp_path / "pairs.csv", "w", newline="") as text:
        writer = csv.DictWriter(text, ["before", "after", "camera"])
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path


def test_each_row_has_its_kernel_and_failures_are_named(folder, workers):
    outcome = learn_table(folder / "pairs.csv", folder / "k.csv", workers=workers, shape=3)
    assert (outcome.rows, outcome.kernels, outcome.failures) == (14, 12, 2)
    assert [number for number, _ in outcome.failed] == [4, 8]
    found = rows_of(folder / "k.csv")
    assert "missing.png does not exist" in found[3]["error"]
    assert "damaged" in found[7]["error"]
    from kernfit.io.images import read_image

    for row in (found[0], found[13]):
        before, after = (read_image(folder / row[name]).pixels for name in ("before", "after"))
        expected = learn(before, after, shape=3)
        np.testing.assert_allclose(json.loads(row["taps"]), expected.kernel.taps, atol=1e-12)
        np.testing.assert_allclose(json.loads(row["stderr"]), expected.stderr, rtol=1e-6)
        assert (row["status"], int(row["used"])) == (expected.status.code, expected.used)
    assert [path.name for path in folder.iterdir() if path.name[0] == "."] == []


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_rows_with_one_key_share_a_kernel(folder, workers, suffix):
    if suffix == ".parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        arrow = pytest.importorskip("pyarrow")
        table = arrow.Table.from_pylist(rows_of(folder / "pairs.csv"))
        parquet.write_table(table, folder / "pairs.parquet")
    source, out = folder / f"pairs{suffix}", folder / f"k{suffix}"
    outcome = learn_table(source, out, workers=workers, by="camera", shape=3)
    assert (outcome.rows, outcome.kernels, outcome.failures) == (14, 2, 2)
    found = {row["camera"]: row for row in rows_of(out)}
    assert [int(found[key]["pairs"]) for key in "ab"] == [6, 6]
    taps = np.array(json.loads(found["a"]["taps"]))
    np.testing.assert_allclose(taps, [[0, 0, 0], [0.25, 0.5, 0.25], [0, 0, 0]], atol=0.01)
    taps = np.array(json.loads(found["b"]["taps"]))
    np.testing.assert_allclose(taps, [[0, 0, 0], [0, 0, 0.5], [0, -0.5, 1]], atol=0.01)
    assert found["a"]["name"] != ""


@pytest.mark.parametrize("by", [None, "camera"])
def test_an_interrupted_run_goes_on(folder, workers, monkeypatch, by):
    monkeypatch.setattr("kernfit.scale.checkpoint._SECONDS", 0.0)
    monkeypatch.setattr("kernfit.scale.checkpoint.time.monotonic", lambda: 0.0)
    source, options = folder / "pairs.csv", {"workers": workers, "shape": 3, "by": by}
    learn_table(source, folder / "whole.csv", **options)

    def stop(done):
        if done == 9:
            raise Interrupted

    with pytest.raises(Interrupted):
        learn_table(source, folder / "k.csv", progress=stop, **options)
    assert not (folder / "k.csv").exists()
    seen = []
    outcome = learn_table(source, folder / "k.csv", progress=seen.append, **options)
    assert seen[0] == 9
    assert outcome.failures == 2
    assert (folder / "k.csv").read_bytes() == (folder / "whole.csv").read_bytes()


def test_a_journal_cut_short_is_mended(folder, workers):
    source, journal = folder / "pairs.csv", folder / ".k.csv.rows"

    def stop(done):
        if done == 5:
            raise Interrupted

    with pytest.raises(Interrupted):
        learn_table(source, folder / "k.csv", workers=workers, shape=3, progress=stop)
    journal.write_bytes(journal.read_bytes() + b'{"before": "b5')
    assert learn_table(source, folder / "k.csv", workers=workers, shape=3).rows == 14
    assert len(rows_of(folder / "k.csv")) == 14


def test_what_does_not_fit_is_refused(folder, workers):
    options = {"workers": workers, "shape": 3}
    with pytest.raises(InvalidInput, match="must have the column 'lens', got before, after"):
        learn_table(folder / "pairs.csv", folder / "k.csv", by="lens", **options)
    with pytest.raises(InvalidInput, match="shape must be given to merge rows by 'camera'"):
        learn_table(folder / "pairs.csv", folder / "k.csv", workers=workers, by="camera")
    with pytest.raises(RefusedFile, match=r"must end in \.csv or \.parquet"):
        learn_table(folder / "pairs.csv", folder / "k.txt", **options)
    with pytest.raises(InvalidInput, match=r"the statistics of 1 values of 'camera' need"):
        learn_table(folder / "pairs.csv", folder / "k.csv", by="camera", memory=10, **options)
    (folder / "empty.csv").write_text("before,after\n")
    with pytest.raises(InvalidInput, match="must have at least one row"):
        learn_table(folder / "empty.csv", folder / "k.csv", **options)
    (folder / "odd.csv").write_bytes(b"before,after\n\xff\xfe,x\n")
    with pytest.raises(RefusedFile, match="is not a CSV table in UTF-8"):
        list(read_rows(folder / "odd.csv", ("before",)))


def test_the_command_line(folder, capsys):
    arguments = ["table", str(folder / "pairs.csv"), str(folder / "k.csv"), "--shape", "3"]
    assert main([*arguments, "--by", "camera"]) == 1
    said = capsys.readouterr()
    assert "k.csv: 2 kernels from 14 rows, 2 of them failed" in said.out
    assert "row 4: " in said.err
    assert main([*arguments, "--by", "lens", "--overwrite"]) == 2
    assert "must have the column 'lens'" in capsys.readouterr().err


def test_pairs_of_arrays_on_disk(tmp_path, workers):
    zarr = pytest.importorskip("zarr")
    for name, pixels in zip(("before", "after"), pair((60, 70)), strict=True):
        zarr.create_array(str(tmp_path / f"{name}.zarr"), data=pixels)
    write_image(tmp_path / "mask.png", np.full((60, 70), 255, np.uint8))
    (tmp_path / "t.csv").write_text("before,after,mask\nbefore.zarr,after.zarr,mask.png\n")
    outcome = learn_table(tmp_path / "t.csv", tmp_path / "k.csv", workers=workers)
    assert outcome.failed == []
    assert rows_of(tmp_path / "k.csv")[0]["rows"] == "3"

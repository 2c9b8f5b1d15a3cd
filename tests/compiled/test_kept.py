"""The cache of compiled code never decides whether kernfit works."""

from __future__ import annotations

import importlib.util
import os
import resource
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from numba import config

from kernfit.compiled import kept, sources

MODULE = """
from kernfit.compiled import njit

@njit(cache=True)
def plus(a, b):
    return a + b * {factor}
"""
PROCESS = """
import numpy as np
from kernfit.compiled.kept import why_not_kept
from kernfit.correlate.direct.products import addresses_of_sums
assert all(addresses_of_sums(np.zeros(1)))
stats = addresses_of_sums.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()), why_not_kept())
"""


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """A function of a module that is loaded anew with each call, as a new process would."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(kept, "_refusals", [])

    def load(factor=2):
        path = tmp_path / "arithmetic.py"
        path.write_text(MODULE.format(factor=factor))
        sources.source_stamp.cache_clear()
        sources._read.cache_clear()
        spec = importlib.util.spec_from_file_location("arithmetic", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.plus

    load.folder = tmp_path / "cache"
    load.files = lambda: sorted(p for p in load.folder.rglob("*") if p.is_file())
    return load


def loaded(function):
    """How often the function was not compiled but found."""
    return sum(function.stats.cache_hits.values())


def test_code_is_kept_for_each_signature(fresh):
    plus = fresh()
    assert (plus(1, 2), plus(1.5, 2.0)) == (5, 5.5)
    assert loaded(plus) == 0
    assert len(fresh.files()) == 2
    plus = fresh()
    assert (plus(1, 2), plus(1.5, 2.0)) == (5, 5.5)
    assert loaded(plus) == 2
    assert kept.why_not_kept() is None


def flipped(content, place):
    changed = bytearray(content)
    changed[place] ^= 16
    return bytes(changed)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:1],
        lambda content: content[:32],
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: bytes(len(content)),
        lambda content: bytes(reversed(content)),
        lambda content: flipped(content, 3),  # the digest
        lambda content: flipped(content, 40),  # the pickle
        lambda content: flipped(content, len(content) // 2),  # the machine code
    ],
)
def test_damaged_code_is_compiled_again_and_replaced(fresh, damage):
    assert fresh()(1, 2) == 5
    (path,) = fresh.files()
    sound = path.read_bytes()
    path.write_bytes(damage(sound))
    plus = fresh()
    assert plus(1, 2) == 5
    assert loaded(plus) == 0
    assert fresh.files() == [path]
    plus = fresh()
    assert plus(1, 2) == 5
    assert loaded(plus) == 1


def test_code_under_another_functions_name_is_not_run(fresh):
    plus = fresh()
    plus(1, 2)
    (integers,) = fresh.files()
    plus(1.5, 2.0)
    (floats,) = set(fresh.files()) - {integers}
    shutil.copy(floats, integers)
    assert fresh()(1, 2) == 5


def test_new_sources_mean_new_code_and_old_code_goes(fresh):
    assert fresh(2)(1, 2) == 5
    before = fresh.files()
    assert fresh(3)(1, 2) == 7
    after = fresh.files()
    assert len(after) == 1
    assert after != before


def test_code_for_another_processor_is_not_run(fresh, monkeypatch):
    # As a home folder that several machines share.
    assert fresh()(1, 2) == 5
    plus = fresh()
    codegen = plus.targetctx.codegen()
    monkeypatch.setattr(codegen, "magic_tuple", lambda: ("another", "processor", ""))
    assert plus(1, 2) == 5
    assert loaded(plus) == 0
    assert len(fresh.files()) == 2


def test_what_a_killed_process_left_goes_later(fresh):
    fresh()(1, 2)
    (path,) = fresh.files()
    old, new = (path.with_name(f"{path.name}.{end}.part") for end in ("0a", "0b"))
    for part in (old, new):
        part.write_bytes(b"half")
    os.utime(old, (0, 0))
    path.unlink()
    fresh()(1, 2)
    assert fresh.files() == [path, new]


def test_a_folder_that_stands_in_the_way(fresh):
    fresh()(1, 2)
    (path,) = fresh.files()
    path.unlink()
    path.mkdir()
    assert fresh()(1, 2) == 5
    assert "directory" in kept.why_not_kept()


def test_a_file_where_the_folder_should_be(fresh):
    fresh.folder.write_text("no folder")
    assert fresh()(1, 2) == 5
    assert str(fresh.folder) in kept.why_not_kept()


def test_a_name_that_no_folder_can_have(fresh, monkeypatch):
    monkeypatch.setattr(config, "CACHE_DIR", "a\0b")
    assert fresh()(1, 2) == 5
    assert kept.why_not_kept()


def test_a_cache_that_can_only_be_read_is_used(fresh, monkeypatch):
    fresh()(1, 2)

    def refuse(path, content):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(kept, "_write_whole", refuse)
    plus = fresh()
    assert plus(1, 2) == 5
    assert loaded(plus) == 1
    assert plus(1.5, 2.0) == 5.5
    assert kept.why_not_kept() == f"{fresh.files()[0].parent}: Permission denied"


def test_flush_removes_what_is_kept(fresh):
    plus = fresh()
    plus(1, 2)
    plus._cache.flush()
    assert fresh.files() == []


def test_the_stamp_follows_what_a_source_imports(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_PACKAGE", tmp_path)
    (tmp_path / "top.py").write_text("from kernfit.middle import a\n")
    (tmp_path / "middle.py").write_text("def f():\n    import kernfit.low.deep\n")
    (tmp_path / "low").mkdir()
    (tmp_path / "low" / "__init__.py").write_text("from kernfit.top import a, b\n")
    deep = tmp_path / "low" / "deep.py"
    stamps = []
    for text in ("LANES = 4\n", "LANES = 8\n", "LANES = 4\n"):
        deep.write_text(text)
        (tmp_path / "apart.py").write_text(text * 2)
        sources.source_stamp.cache_clear()
        sources._read.cache_clear()
        stamps.append(sources.source_stamp(tmp_path / "top.py"))
    assert stamps[0] == stamps[2] != stamps[1]


def process(folder, **options):
    """What a process has loaded and compiled, and why it could not keep code."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder)} | options.pop("environment", {})
    command = [*options.pop("inside", []), sys.executable, "-c", PROCESS]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, cwd="/", **options
    )
    assert done.returncode == 0, done.stderr
    found, compiled, reason = done.stdout.strip().split(" ", 2)
    return int(found), int(compiled), reason


def test_where_no_folder_can_be_written_to(fresh, monkeypatch, tmp_path):
    # Numba: "cannot cache function: no locator available".
    monkeypatch.setattr(config, "CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    for name in ("__pycache__", "home"):
        (tmp_path / name).write_text("no folder")
    assert fresh()(1, 2) == 5
    assert kept.why_not_kept()
    (tmp_path / "home").unlink()
    plus = fresh()
    plus(1, 2)
    plus = fresh()
    plus(1, 2)
    assert loaded(plus) == 1
    assert plus._cache.cache_path == str(tmp_path / "__pycache__")


def test_as_a_user_who_may_not_write(tmp_path):
    tmp_path.chmod(0o555)
    root = os.geteuid() == 0
    inside = ["setpriv", "--bounding-set=-all"] if root else []
    loaded, compiled, reason = process(tmp_path, inside=inside)
    assert (loaded, compiled) == (0, 1)
    assert reason.startswith(str(tmp_path)), reason
    assert reason.endswith("Permission denied")


def test_where_a_disk_is_full(tmp_path):
    # A limit on files, which any user may set, ends a write as a full disk does.
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    assert process(tmp_path, preexec_fn=limit)[:2] == (0, 1)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert process(tmp_path) == (0, 1, "None")
    assert process(tmp_path, preexec_fn=limit) == (1, 0, "None")


def test_on_a_small_full_disk(tmp_path):
    try:
        subprocess.run(["unshare", "-rm", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no mounts of one's own on this system")
    mount = f'mount -t tmpfs -o size=8k none "{tmp_path}" && exec "$@"'
    loaded, compiled, reason = process(tmp_path, inside=["unshare", "-rm", "sh", "-c", mount, "sh"])
    assert (loaded, compiled) == (0, 1)
    assert reason.startswith(str(tmp_path))
    assert reason.endswith("No space left on device")


def test_four_processes_at_once(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(process, [tmp_path] * 4))
    assert {reason for *_, reason in told} == {"None"}
    assert process(tmp_path) == (1, 0, "None")


def test_one_line_where_nothing_may_be_compiled(tmp_path):
    (tmp_path / "before.pgm").write_bytes(b"P5 4 4 255\n" + bytes(16))
    done = subprocess.run(
        [sys.executable, "-m", "kernfit", "apply", "sharpen", "before.pgm", "after.pgm"],
        cwd=tmp_path,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("kernfit: kernfit's loops must be compiled, but the environment")
    assert done.stderr.count("\n") == 1


def test_the_command_line_says_once_what_was_not_kept(capsys, monkeypatch, tmp_path):
    from kernfit.cli import main

    monkeypatch.setattr(kept, "_refusals", [f"{tmp_path}: read-only", "and another"])
    assert main(["kernels"]) == 0
    told = capsys.readouterr()
    assert told.err.startswith(f"kernfit: note: compiled code could not be kept ({tmp_path}: read")
    assert told.err.count("\n") == 1
    assert "NUMBA_CACHE_DIR" in told.err

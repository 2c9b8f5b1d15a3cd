"""The house: imports go downward only, nothing optional is loaded unasked, names are kept."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kernfit

SOURCE = Path(kernfit.__file__).parent
ROOT = Path(__file__).parents[1]
OPTIONAL = (
    "torch",
    "keras",
    "tensorflow",
    "jax",
    "onnx",
    "onnxruntime",
    "starlette",
    "uvicorn",
    "cv2",
    "dask",
    "zarr",
)


def floors():
    """The order that ARCHITECTURE.md promises, lowest first: module name -> floor."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    block = re.search(r"```floors\n(.*?)```", text, re.DOTALL).group(1)
    return {
        name: floor
        for floor, line in enumerate(block.strip().splitlines())
        for name in line.split("#")[0].split()
    }


def module_name(path):
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path):
    """Every kernfit module that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "kernfit":
            below = node.module.removeprefix("kernfit").lstrip(".")
            for alias in node.names:
                deeper = f"{below}.{alias.name}".lstrip(".")
                is_module = (SOURCE / Path(*deeper.split("."))).with_suffix(".py").exists()
                yield deeper if is_module else below
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where a name comes from"


def unit(name, known):
    """The longest part of a module's name that has a floor of its own."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if ".".join(parts[:length]) in known:
            return ".".join(parts[:length])
    raise AssertionError(f"{name} has no floor in ARCHITECTURE.md")


FILES = sorted(
    path for path in SOURCE.rglob("*.py") if path.parent != SOURCE or path.stem != "__init__"
)


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_imports_go_downward(path):
    known = floors()
    here = unit(module_name(path), known)
    for other in imports(path):
        if other == "":  # the facade, for its version
            assert here == "cli"
            continue
        there = unit(other, known)
        assert there == here or known[there] < known[here], f"{here} must not import {there}"


def loaded_by(name):
    """The packages that a module lies in: Python runs them first, unasked."""
    parts = name.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts))}


def test_no_cycles():
    graph = {}
    for path in FILES:
        name = module_name(path)
        wanted = set(imports(path))
        wanted |= {package for other in wanted for package in loaded_by(other)}
        # A module of a package may be imported while the package's facade waits for it.
        graph[name] = {other for other in wanted if not f"{name}.".startswith(f"{other}.")}
    done, under_way = set(), []

    def visit(name):
        if name in done or name not in graph:
            return
        assert name not in under_way, " -> ".join([*under_way[under_way.index(name) :], name])
        under_way.append(name)
        for other in sorted(graph[name]):
            visit(other)
        under_way.pop()
        done.add(name)

    for name in graph:
        visit(name)
    assert len(done) >= len(graph)


def lines_of_code(path):
    """How many lines a file has, its docstrings and blank lines not counted."""
    text = path.read_text()
    told = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(
            node
        ):
            told |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(bool(line.strip()) and number not in told for number, line in lines)


def test_no_file_has_more_than_320_lines_of_code():
    """One file, one job; words of documentation are welcome."""
    lengths = {module_name(path): lines_of_code(path) for path in FILES}
    assert {name: length for name, length in lengths.items() if length > 320} == {}


def test_code_is_kept_by_one_means():
    """Numba's own cache fails where kernfit must not: loops are compiled by `kernfit.compiled`."""
    found = [
        module_name(path)
        for path in FILES
        if re.search(r"from numba import .*njit|numba\.njit", path.read_text())
        and "compiled" not in path.parts
    ]
    assert found == []


def modules_after(code):
    script = f"import sys; {code}; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in done.stdout.split()}


def test_importing_loads_nothing_heavy():
    assert not modules_after("import kernfit") & {*OPTIONAL, "numba", "matplotlib", "scipy"}


def test_every_public_name_loads_nothing_optional():
    loaded = modules_after("import kernfit; [getattr(kernfit, n) for n in kernfit.__all__]")
    assert "numba" in loaded
    assert not loaded & {*OPTIONAL, "matplotlib", "PIL"}


def test_the_facade_is_sorted_and_complete():
    assert list(kernfit.__all__) == sorted(kernfit.__all__)
    for name in kernfit.__all__:
        found = getattr(kernfit, name)
        assert not isinstance(found, type(sys)), f"{name} is a module"
        assert name in dir(kernfit)


def test_no_public_name_is_also_a_module():
    # Importing a submodule would put the module in the name's place.
    rooms = {path.stem for path in SOURCE.iterdir()}
    assert not rooms & set(kernfit.__all__)

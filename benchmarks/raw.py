"""The raw results: one line of JSON for each cell measured, so that a run can be interrupted."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import kernfit

__all__ = ["append", "fingerprint", "processor", "read", "version"]


def fingerprint() -> str:
    """Return what changes whenever the code that is measured changes."""
    files = sorted(Path(kernfit.__file__).parent.glob("correlate/*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def processor() -> str:
    """Return the name of the processor, as well as the system knows it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = dict(line.split("\t: ", 1) for line in lines if "\t: " in line)
    facts = {key.strip(): value for key, value in facts.items()}
    name = facts.get("model name", platform.machine())
    flags = facts.get("flags", "").split()
    vectors = next((f for f in ("avx512f", "avx2", "sse4_2") if f in flags), "no vectors known")
    model = f"family {facts.get('cpu family', '?')}, model {facts.get('model', '?')}"
    return f"{name} ({model}, {os.cpu_count()} cores, {vectors})"


def append(path: Path, name: str, result: dict[str, Any]) -> None:
    """Add one result, with what is needed to judge it later."""
    path.parent.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    line = {"name": name, "when": time.time(), "load": load, "code": fingerprint(), **result}
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Return the results by name, the least times of all runs.

    What was measured of kernfit itself counts only if its code was that of the latest run.
    """
    runs: dict[str, list[dict[str, Any]]] = {}
    if path.exists():
        for line in path.read_text().splitlines():
            run = json.loads(line)
            runs.setdefault(run["name"], []).append(run)
    return {name: _merged(each) for name, each in runs.items()}


def _merged(runs: list[dict[str, Any]]) -> dict[str, Any]:
    merged = dict(runs[-1])
    times: dict[str, dict[str, float]] = {}
    for run in runs:
        for who, one in run.get("times", {}).items():
            if who.startswith("kernfit") and run["code"] != merged["code"]:
                continue
            least = times.setdefault(who, dict(one))
            for key in ("best", "median", "cpu"):
                least[key] = min(least[key], one[key])
    merged["times"] = times
    reasons = {who: why for run in runs for who, why in run.get("left_out", {}).items()}
    merged["left_out"] = {who: why for who, why in reasons.items() if who not in times}
    return merged

"""A picture of the times on the largest image: kernfit, its peers and the limit."""

from __future__ import annotations

from pathlib import Path

from benchmarks.apply import OURS, OURS_OUT
from benchmarks.cells import DTYPES, KERNELS
from benchmarks.peers import PEERS
from benchmarks.results import Result


def draw(results: list[Result], path: Path) -> None:
    """Draw time over the kernel's size, a panel for each dtype."""
    from matplotlib.figure import Figure

    shown = [r for r in results if r.cell.size == "4096" and r.cell.threads == 1]
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    panels = figure.subplots(1, len(DTYPES), sharey=True)
    colours = {peer.name: f"C{n}" for n, peer in enumerate(PEERS)}
    for axes, dtype in zip(panels, DTYPES, strict=True):
        here = [r for r in shown if r.cell.dtype == dtype]
        for who, colour in colours.items():
            points = [(r.cell.kernel, r.times[who]) for r in here if who in r.times]
            if points:
                axes.plot(*zip(*points, strict=True), color=colour, lw=1.2, label=who)
        if here:
            sizes = [r.cell.kernel for r in here]
            axes.plot(sizes, [r.limit for r in here], "k:", lw=1, label="limit, every tap")
            axes.plot(sizes, [r.times[OURS_OUT] for r in here], "k--", lw=1.2, label=OURS_OUT)
            axes.plot(sizes, [r.ours for r in here], "k", lw=2.5, label=OURS)
        axes.set(xscale="log", yscale="log", xlabel="side of the kernel", title=dtype)
        axes.set_xticks(KERNELS, [str(k) if k not in (9, 13) else "" for k in KERNELS])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("seconds for 4096x4096, one thread")
    handles = {}
    for axes in panels:
        handles |= {
            label: line for line, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
    figure.legend(handles.values(), handles, loc="outside right center", frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)

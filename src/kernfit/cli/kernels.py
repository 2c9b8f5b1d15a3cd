"""`kernfit kernels`: the catalogue."""

from __future__ import annotations

from typing import Annotated

import typer


def kernels(
    json: Annotated[bool, typer.Option("--json", help="Print the catalogue as JSON.")] = False,
) -> None:
    """List the kernels that have a name."""
    from kernfit.kernel_names import FAMILIES
    from kernfit.named_kernels import catalogue

    if json:
        from json import dumps

        entries = [catalogue.about(name) for name in catalogue]
        print(
            dumps(
                [
                    {
                        **entry.kernel.to_dict(),
                        "group": entry.group,
                        "summary": entry.summary,
                        "source": entry.source,
                    }
                    for entry in entries
                ],
                indent=2,
            )
        )
        return
    width = max(map(len, catalogue))
    group = None
    for name in catalogue:
        entry = catalogue.about(name)
        if entry.group != group:
            group = entry.group
            print(f"\n{group}" if name != next(iter(catalogue)) else group)
        rows, columns = entry.kernel.shape
        print(f"  {name:<{width}}  {f'{rows}x{columns}':<6} {entry.summary}")
    print("\nwith numbers of your own")
    for family in FAMILIES.values():
        print(f"  {family.form:<{width}}         {family.summary}")

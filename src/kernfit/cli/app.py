"""The commands and their order in the help."""

from typing import Annotated

import typer

from kernfit.cli.apply import apply
from kernfit.cli.demo import demo
from kernfit.cli.edges import edges
from kernfit.cli.guard import guarded
from kernfit.cli.kernels import kernels
from kernfit.cli.lab import lab
from kernfit.cli.learn import learn
from kernfit.cli.plan import plan
from kernfit.cli.see import see
from kernfit.cli.show import show
from kernfit.cli.stats import stats
from kernfit.cli.table import table
from kernfit.cli.tile import tile

app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(wanted: bool) -> None:
    if wanted:
        from kernfit import __version__

        print(f"kernfit {__version__}")
        raise typer.Exit


@app.callback()
def kernfit(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Say which version."),
    ] = False,
) -> None:
    """Find, apply and explain the 2-D kernel behind a pair of images."""
    if context.invoked_subcommand is None:
        print(context.get_help())


for command in (demo, learn, apply, edges, show, kernels, see, tile, table, lab):
    app.command()(guarded(command))
app.add_typer(stats, name="stats")
app.add_typer(plan, name="plan")

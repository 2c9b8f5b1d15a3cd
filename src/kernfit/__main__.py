"""Run the command line as ``python -m kernfit``."""

from kernfit.cli import run

if __name__ == "__main__":
    run()

"""Tasks for nox, each in its own environment; `.ci/run` does all that a submission needs."""

from pathlib import Path

import nox

nox.options.sessions = ["lint", "tests"]


@nox.session
def lint(session: nox.Session) -> None:
    """Style and types."""
    session.install("-e", ".[lint]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """Run the tests that take minutes; what is given goes to pytest."""
    session.install("-e", ".[test]")
    session.run("pytest", "-n", "auto", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into build/site and check it."""
    session.install(".[docs]")
    session.run("python", "-m", "sphinx", "-W", "--keep-going", "-b", "html", "docs", "build/site")
    session.run("python", "docs/check_site.py", "build/site")


@nox.session
def build(session: nox.Session) -> None:
    """Make wheel and source archive, and run the demo from the wheel, outside the checkout."""
    session.install("build")
    folder = session.create_tmp()
    session.run("python", "-m", "build", "--outdir", folder)
    session.install(*(str(wheel) for wheel in Path(folder).glob("*.whl")))
    session.chdir(folder)
    session.run("kernfit", "demo")

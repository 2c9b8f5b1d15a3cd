"""Doctests of what needs an extra are left out where that is not installed."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("starlette") else ["src/kernfit/lab"]

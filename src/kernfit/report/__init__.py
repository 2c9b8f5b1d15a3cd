"""The report: a page for the browser, made from what a result says of itself."""

from kernfit.report.page import write_report
from kernfit.report.views import Scene, Views, views_of

__all__ = ["Scene", "Views", "views_of", "write_report"]

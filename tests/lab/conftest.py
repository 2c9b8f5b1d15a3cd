import pytest
from served import Served


@pytest.fixture(scope="session")
def lab():
    pytest.importorskip("starlette")
    pytest.importorskip("uvicorn")
    running = Served()
    yield running
    running.process.terminate()
    running.process.communicate(timeout=20)


@pytest.fixture
def refusals():
    """What a test expects to stand on the console: parts of the browser's own words."""
    return []


@pytest.fixture
def browser_page(chromium, lab, refusals):
    """A page at the lab; afterwards: no error on its console, no request to anywhere else."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    # Machines may be busy.
    pytest.importorskip("playwright.sync_api").expect.set_options(timeout=15_000)
    page = context.new_page()
    page.set_default_timeout(15_000)
    errors, elsewhere = [], []
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    own = ("data:", "blob:", lab.address)
    page.on("request", lambda r: None if r.url.startswith(own) else elsewhere.append(r.url))
    yield page
    context.close()
    assert [error for error in errors if not any(part in error for part in refusals)] == []
    assert elsewhere == []


@pytest.fixture
def visit(browser_page, lab):
    """Open a bench by its fragment and return the page."""

    def go(fragment, width=1280):
        browser_page.set_viewport_size({"width": width, "height": 900})
        browser_page.goto("about:blank")
        browser_page.goto(lab.address + fragment)
        browser_page.wait_for_selector("body[data-ready]")
        return browser_page

    return go

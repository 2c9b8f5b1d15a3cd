"""The lab in a browser: frames a second of Slide, and how long Edges and Learn take end to end.

Run with ``python -m benchmarks.lab``; needs the extra ``lab``, playwright and Debian's chromium.
"""

import io
import shutil
import subprocess
import sys
from time import perf_counter

import numpy as np
from PIL import Image

from kernfit import catalogue, correlate2d, scene

SHAPE = (1080, 1920)  # 2 megapixels
FRAMES = """() => new Promise((done) => {
    let [first, frames] = [0, 0];
    const count = (now) => {
        first ||= now;
        if (now - first > 3000) return done(frames / ((now - first) / 1000));
        frames += 1;
        requestAnimationFrame(count);
    };
    requestAnimationFrame(count);
})"""


def png(name, pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return {"name": name, "mimeType": "image/png", "buffer": file.getvalue()}


def slide(page, address):
    page.goto(f"{address}#slide?image=portrait&part=64&mode=same&speed=60")
    page.wait_for_function("() => document.querySelector('#sum')?.textContent")
    page.get_by_role("button", name="Play").click()
    return page.evaluate(FRAMES)


def edges(page, address, image):
    page.goto("about:blank")
    page.goto(f"{address}#edges")
    page.wait_for_selector("body[data-ready]")
    page.set_input_files("#file", [png("image.png", image)])
    page.get_by_text("1920 × 1080").wait_for()
    times = []
    for detector in ["scharr", "sobel"] * 8:
        page.get_by_label("Detector").select_option(detector)
        page.wait_for_timeout(400)
        times.append(float(page.locator("canvas.photo").first.get_attribute("data-took")))
    return times


def learn(page, address, image):
    kernel = catalogue["gaussian_3"]
    after = np.rint(correlate2d(image.astype(float), kernel, mode="same", boundary="edge"))
    files = [png("before.png", image), png("after.png", after.astype(np.uint8))]
    page.goto("about:blank")
    page.goto(f"{address}#learn?before=bar&taps=[[1,-1]]")
    page.get_by_text("Done in").wait_for(timeout=60_000)
    begun = perf_counter()
    page.set_input_files("#file", files)
    page.get_by_text("It is gaussian_3").wait_for(timeout=60_000)
    return perf_counter() - begun


def main():
    from playwright.sync_api import sync_playwright

    image = scene(SHAPE)
    command = "from kernfit.cli import run; run()"
    server = subprocess.Popen(
        [sys.executable, "-c", command, "lab", "--no-browser"], stdout=subprocess.PIPE, text=True
    )
    address = server.stdout.readline().split()[-1]
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            print(f"Slide, 64x64: {slide(page, address):.1f} frames a second")
            times = edges(page, address, image)
            print(
                f"Edges, 2 megapixels: median {np.median(times):.0f} ms, "
                f"fastest {min(times):.0f} ms, slowest {max(times):.0f} ms"
            )
            seconds = learn(page, address, image)
            print(f"Learn, two PNGs of 2 megapixels, upload included: {seconds:.2f} s")
            browser.close()
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()

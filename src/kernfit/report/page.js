"use strict";
// The same place in all four pictures: a cross where the pointer is, enlarged by the slider.
for (const group of document.querySelectorAll(".views")) {
  const place = { x: 0.5, y: 0.5 };
  const move = (x, y) => {
    place.x = Math.min(1, Math.max(0, x));
    place.y = Math.min(1, Math.max(0, y));
    group.style.setProperty("--x", `${100 * place.x}%`);
    group.style.setProperty("--y", `${100 * place.y}%`);
    group.classList.add("pointing");
  };
  group.addEventListener("pointermove", (event) => {
    const frame = event.target.closest(".frame");
    if (!frame) return;
    const box = frame.getBoundingClientRect();
    move((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  });
  group.addEventListener("pointerleave", () => group.classList.remove("pointing"));
  group.addEventListener("blur", () => group.classList.remove("pointing"));
  group.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step || event.target !== group) return;
    event.preventDefault();
    move(place.x + step[0] / 50, place.y + step[1] / 50);
  });
  group.querySelector("[data-zoom]").addEventListener("input", (event) => {
    group.style.setProperty("--zoom", event.target.value);
  });
}
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", () => {
    const range = document.createRange();
    range.selectNodeContents(document.getElementById(button.dataset.copy));
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    // Pages opened from disk may not use the newer clipboard interface.
    button.textContent = document.execCommand("copy") ? "Copied" : "Selected";
  });
}

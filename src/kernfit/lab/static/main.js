// The page: one bench at a time, the shelf above it, everything in the address.

import * as api from "./api.js";
import { announce, h } from "./dom.js";
import { parse, read, write } from "./state.js";
import { Shelf } from "./shelf.js";
import * as slide from "./slide.js";
import * as edges from "./edges.js";
import * as learn from "./learn.js";
import * as see from "./see.js";
import * as lesson from "./lesson.js";

const benches = { lesson, slide, edges, learn, see };
const main = document.getElementById("main");
const lab = { api, announce, kernels: [], detectors: {}, shelf: null };
let open = null; // the bench that is shown: {name, state, bench}
let saving = 0;

function show() {
  const { bench: wanted, values } = parse(location.hash);
  const name = Object.hasOwn(benches, wanted) ? wanted : "lesson";
  const { DEFAULTS, start } = benches[name];
  open?.bench.stop?.();
  const state = read(values, DEFAULTS);
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.hash === `#${name}`;
    link.toggleAttribute("aria-current", here);
    if (here) link.setAttribute("aria-current", "page");
  }
  document.getElementById("shelf").hidden = name === "lesson";
  document.title = `${name[0].toUpperCase()}${name.slice(1)} · kernfit lab`;
  main.replaceChildren();
  main.dataset.bench = name;
  open = { name, state, bench: null };
  const save = () => {
    // A browser takes only so many changes of the address in a second.
    clearTimeout(saving);
    saving = setTimeout(() => {
      if (open.name === name) history.replaceState(null, "", write(name, state, DEFAULTS));
    }, 150);
  };
  // A bench that changes many things at a time is opened anew from its state.
  const reopen = () => {
    clearTimeout(saving);
    history.replaceState(null, "", write(name, state, DEFAULTS));
    show();
  };
  open.bench = start(main, { ...lab, state, save, reopen }) ?? {};
  lab.shelf.use(open.bench.slots ?? []);
}

// A link that is followed while the page is open.
addEventListener("hashchange", () => {
  clearTimeout(saving);
  show();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show());

try {
  const [names, items] = await Promise.all([api.catalogue(), api.shelf()]);
  lab.kernels = names.kernels;
  lab.detectors = names.detectors;
  lab.shelf = new Shelf(document.getElementById("shelf"), items, announce);
  show();
  document.body.dataset.ready = "true";
} catch (error) {
  main.replaceChildren(h("p", { class: "error", role: "alert" }, error.message));
}

// Slide: the window walks over the image, products and sum are written out, the output grows.

import { grey } from "./api.js";
import { BOUNDARIES, MODES, flipped, plane, usualAnchor } from "./correlate.js";
import { button, checkbox, h, labelled, labelledSlider, numberInput, say, select, slider } from "./dom.js";
import { scaleOf } from "./draw.js";
import { KernelEditor } from "./editor.js";
import { Stage } from "./stage.js";
import { isTaps, wholeOr, wordOr } from "./state.js";

export const DEFAULTS = {
  image: "numbers", part: 16, top: 0, left: 0, taps: [[0, 1], [2, 3]], bias: 0, mode: "valid",
  padding: -1, boundary: "constant", fill: 0, stride: 1, dilation: 1, anchor: [], flip: false,
  at: 0, speed: 3, all: false, own: [],
};
const PARTS = [8, 16, 32, 64];
const MOST_WRITTEN = 49; // products on the page

export function start(root, lab) {
  const { state, save } = lab;
  tidy(state);
  const view = new Stage(state, () => changed());
  const editor = new KernelEditor({
    taps: state.taps, kernels: lab.kernels,
    change: (taps, kernel) => {
      state.taps = taps;
      if (kernel) state.bias = kernel.bias;
      biasInput.value = state.bias;
      state.anchor = [];
      refresh();
    },
  });
  // The numbers of a small image can be changed as well.
  const pixels = new KernelEditor({
    taps: [[0]], kernels: [], title: "Image's numbers", named: false, cell: "pixel",
    change: (rows) => {
      state.own = rows.map((row) => [...row]);
      view.image = plane(rows.length, rows[0].length, rows.flat());
      view.scale = scaleOf(view.image.data);
      refresh();
    },
  });
  const biasInput = numberInput(state.bias, (value) => { state.bias = value; refresh(); });
  const anchorRow = numberInput("", () => setAnchor(), { min: 0, max: 62, step: 1, name: "anchor row" });
  const anchorColumn = numberInput("", () => setAnchor(), { min: 0, max: 62, step: 1, name: "anchor column" });
  const setAnchor = () => {
    const found = [anchorRow.valueAsNumber, anchorColumn.valueAsNumber];
    const fits = found[0] < state.taps.length && found[1] < state.taps[0].length;
    if (fits) { state.anchor = found; refresh(); }
  };
  const number = (name, min, max) =>
    numberInput(state[name], (value) => { state[name] = value; refresh(); }, { min, max, step: 1 });
  const place = (name) => {
    const input = numberInput(state[name], (value) => { state[name] = value; load(); }, { min: 0, step: 1 });
    return labelled(name === "top" ? "First row" : "First column", input);
  };
  const part = h("fieldset", { class: "part" }, h("legend", {}, "Part of the image"),
    labelled("Size", select(PARTS.map((n) => [n, `${n} × ${n}`]), state.part, (value) => {
      state.part = Number(value);
      load();
    })), place("top"), place("left"));
  const play = button("Play", () => (view.playing ? view.pause() : view.play()), { class: "primary" });
  const output = h("output", { class: "sum", id: "sum" });
  const about = h("p", { class: "about", id: "place" });
  const speed = slider(state.speed, (value) => { state.speed = value; save(); }, {
    min: 1, max: 60, text: (value) => `${value} a second`,
  });
  const sizes = h("p", { class: "hint", id: "sizes" });
  const paddingInput = numberInput(Math.max(state.padding, 0), (value) => {
    state.padding = value;
    modes.value = "padding";
    refresh();
  }, { min: 0, max: 32, step: 1 });
  const modes = select([...MODES, "padding"], state.padding >= 0 ? "padding" : state.mode, (value) => {
    if (value === "padding") state.padding = Math.max(state.padding, 1);
    else [state.mode, state.padding] = [value, -1];
    paddingInput.value = Math.max(state.padding, 0);
    refresh();
  });

  root.append(
    h("h2", {}, "Slide"),
    h("p", { class: "lead" }, "Drag the window, use the arrow keys, or play. At each place the part of the image under the window is multiplied by the kernel, element by element, and summed: one element of the output."),
    h("div", { class: "bench slide" },
      h("div", { class: "stage" },
        h("div", { class: "planes" },
          h("figure", {}, h("figcaption", {}, "Image"), view.input),
          h("figure", {}, h("figcaption", {}, "Output"), view.output)),
        h("div", { class: "transport", role: "group", "aria-label": "Window" },
          button("First", () => view.go(0)),
          button("Back", () => view.go(state.at - 1)),
          play,
          button("Next", () => view.go(state.at + 1)),
          button("Last", () => view.go(Infinity)),
          button("Present", () => present(), { title: "full screen, large numbers; the key P" })),
        about, output),
      h("div", { class: "controls" },
        editor.root,
        h("fieldset", {}, h("legend", {}, "Kind"),
          checkbox("Convolution: flip the kernel in both axes", state.flip, (on) => { state.flip = on; refresh(); }),
          labelled("Bias b in y = k*x + b", biasInput)),
        h("fieldset", {}, h("legend", {}, "Steps and border"),
          labelled("Stride", number("stride", 1, 16)),
          labelled("Dilation", number("dilation", 1, 16)),
          labelled("Mode", modes),
          labelled("Padding", paddingInput),
          labelled("Beyond the image", select(BOUNDARIES, state.boundary, (value) => { state.boundary = value; refresh(); })),
          labelled("Fill value", numberInput(state.fill, (value) => { state.fill = value; refresh(); })),
          h("div", { class: "field" }, h("span", {}, "Anchor (row, column)"), h("div", { class: "row" }, anchorRow, anchorColumn)),
          sizes),
        pixels.root,
        part,
        h("fieldset", {}, h("legend", {}, "Show"),
          labelledSlider("Speed", speed),
          checkbox("The whole output at once", state.all, (on) => { state.all = on; refresh(); })))));

  // For a projector: the planes fill the window, one place for each key or press of a clicker.
  function present(on = !("presenting" in document.body.dataset)) {
    document.body.toggleAttribute("data-presenting", on);
    if (on) document.documentElement.requestFullscreen?.().catch(() => {});
    else if (document.fullscreenElement) document.exitFullscreen();
    view.draw();
  }
  const typing = (target) => Boolean(target.closest?.("input, select, textarea"));
  const pressed = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || typing(event.target)) return;
    const presenting = "presenting" in document.body.dataset;
    const steps = { PageDown: 1, PageUp: -1, ArrowRight: 1, ArrowLeft: -1 };
    if (event.key.toLowerCase() === "p") present();
    else if (presenting && event.key === "Escape") present(false);
    else if (presenting && event.key in steps && !event.defaultPrevented) view.go(state.at + steps[event.key]);
    else return;
    event.preventDefault();
  };
  // The browser's own way out of full screen ends it as well.
  const left = () => { if (!document.fullscreenElement) present(false); };
  document.addEventListener("keydown", pressed);
  document.addEventListener("fullscreenchange", left);

  // Everything follows from the state; the heavy part, the whole output, is computed once.
  function refresh() {
    const anchor = state.anchor.length === 2 ? state.anchor : usualAnchor(state.taps);
    anchorRow.value = anchor[0];
    anchorColumn.value = anchor[1];
    const { taps, anchor: at } = state.flip ? flipped(state.taps, anchor) : { taps: state.taps, anchor };
    view.use(taps, {
      mode: state.mode, padding: state.padding >= 0 ? state.padding : null, boundary: state.boundary,
      fill: state.fill, bias: state.bias, stride: state.stride, dilation: state.dilation, anchor: at,
    });
    sizes.textContent = view.result.data.length
      ? `The output has ${view.result.rows} rows and ${view.result.columns} columns.`
      : "The kernel is larger than the image: there is no output.";
  }

  function changed() {
    save();
    play.textContent = view.playing ? "Pause" : "Play";
    const found = view.here;
    if (!found) {
      about.textContent = "There is no place for the window.";
      output.textContent = "";
      return;
    }
    about.textContent = `Row ${found.i}, column ${found.j} of the output: place ${state.at + 1} of ${view.result.data.length}.`;
    output.textContent = written(found, state.bias);
  }

  async function load() {
    const item = lab.shelf.find(state.image) ?? lab.shelf.find(DEFAULTS.image);
    state.image = item.id;
    part.hidden = Math.max(item.rows, item.columns) <= PARTS[0];
    try {
      view.image = state.own.length
        ? plane(state.own.length, state.own[0].length, state.own.flat())
        : cut(await grey(item), state);
      const { rows, columns } = view.image;
      pixels.root.hidden = rows > 8 || columns > 8;
      if (!pixels.root.hidden) {
        pixels.set(Array.from({ length: rows }, (_, i) => Array.from(view.image.data.slice(i * columns, (i + 1) * columns))));
      }
      view.scale = scaleOf(view.image.data);
      refresh();
    } catch (error) {
      lab.announce(error.message);
    }
  }
  load();
  return {
    slots: [{ name: "image", get: () => state.image, set: (id) => {
      state.image = id;
      state.at = 0;
      state.own = [];
      load();
    } }],
    stop: () => {
      document.removeEventListener("keydown", pressed);
      document.removeEventListener("fullscreenchange", left);
      document.body.removeAttribute("data-presenting");
      view.close();
    },
    view,
  };
}

// What a link may have got wrong is set right.
function tidy(state) {
  const usual = DEFAULTS;
  if (!isTaps(state.taps, 15)) state.taps = usual.taps;
  if (!isTaps(state.own, 15)) state.own = [];
  state.mode = wordOr(state.mode, MODES, usual.mode);
  state.boundary = wordOr(state.boundary, BOUNDARIES, usual.boundary);
  state.part = wordOr(state.part, PARTS, usual.part);
  for (const [name, low, high] of [["stride", 1, 16], ["dilation", 1, 16], ["padding", -1, 32],
    ["top", 0, 1e6], ["left", 0, 1e6], ["at", 0, 1e9], ["speed", 1, 60]]) {
    state[name] = wholeOr(state[name], low, high, usual[name]);
  }
  const [rows, columns] = [state.taps.length, state.taps[0].length];
  const fits = wholeOr(state.anchor[0], 0, rows - 1, -1) >= 0 && wholeOr(state.anchor[1], 0, columns - 1, -1) >= 0;
  if (!fits) state.anchor = [];
}

// The part of an image that is looked at.
function cut(image, { top, left, part }) {
  const first = Math.min(Math.max(0, Math.floor(top)), Math.max(0, image.rows - 1));
  const from = Math.min(Math.max(0, Math.floor(left)), Math.max(0, image.columns - 1));
  const rows = Math.min(part, image.rows - first);
  const columns = Math.min(part, image.columns - from);
  const found = plane(rows, columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      found.data[i * columns + j] = image.data[(first + i) * image.columns + from + j];
    }
  }
  return found;
}

// The sum as the lesson writes it: 0·0 + 1·1 + 3·2 + 4·3 = 19.
export function written({ cells, sum }, bias = 0) {
  const factor = (value) => (value < 0 ? `(${say(value)})` : say(value));
  const products = cells.slice(0, MOST_WRITTEN).map(({ value, tap }) => `${factor(value)}·${factor(tap)}`);
  if (cells.length > MOST_WRITTEN) products.push(`… (${cells.length - MOST_WRITTEN} more)`);
  const constant = bias ? ` + ${factor(bias)}` : "";
  return `${products.join(" + ")}${constant} = ${say(sum, 7)}`;
}

// Edges: kernels over a whole photograph. The engine computes, the page shows bytes.

import * as api from "./api.js";
import { BOUNDARIES, geometry, windowAt } from "./correlate.js";
import { button, h, labelled, labelledSlider, oneAtATime, say, select, slider } from "./dom.js";
import { scaleOf, signed, tapsTable } from "./draw.js";
import { KernelEditor } from "./editor.js";
import { isTaps, wordOr } from "./state.js";

export const DEFAULTS = {
  image: "portrait", use: "detector", detector: "sobel", taps: [[1, -1]], bias: 0, view: "strength",
  boundary: "edge", gain: 1, wipe: 0, zoom: "fit", cursor: [],
};
const VIEWS = {
  strength: "strength", direction: "direction", first: "first answer",
  second: "second answer", levels: "as an image",
};
const LITTLE_ENDIAN = 255 << 24; // alpha in a pixel's 32 bits, on every processor a browser runs on

export function start(root, lab) {
  const { state, save } = lab;
  state.use = wordOr(state.use, ["detector", "kernel"], DEFAULTS.use);
  state.detector = wordOr(state.detector, Object.keys(lab.detectors), DEFAULTS.detector);
  state.boundary = wordOr(state.boundary, BOUNDARIES, DEFAULTS.boundary);
  if (!isTaps(state.taps)) state.taps = DEFAULTS.taps;
  let item = null;
  let image = null;
  let last = null; // the answer that is shown
  let closed = false;

  const result = h("canvas", {
    tabindex: 0, role: "img", "aria-label": "Edges; arrow keys move the cursor", class: "photo",
    onkeydown: key, onpointermove: point, onpointerdown: point,
  });
  const original = h("canvas", { class: "photo over", "aria-hidden": "true" });
  const cross = h("div", { class: "cross", "aria-hidden": "true", hidden: true });
  const frame = h("div", { class: "frame" }, h("div", { class: "pile" }, result, original, cross));
  const took = h("p", { class: "about", id: "took" });
  const found = h("p", { class: "about", id: "found" });
  const readout = h("div", { class: "readout", id: "readout" },
    h("p", { class: "hint" }, "Point at the picture, or use the arrow keys on it, to see a pixel's numbers."));
  const kernels = h("div", { class: "row", id: "kernels" });
  const editor = new KernelEditor({
    taps: state.taps, kernels: lab.kernels, title: "Own kernel",
    change: (taps, kernel) => {
      state.taps = taps;
      state.bias = kernel?.bias ?? 0;
      const sum = taps.flat().reduce((a, b) => a + b, 0);
      if (kernel) state.view = Math.abs(sum) > 1e-9 || state.bias ? "levels" : "first";
      refresh();
    },
  });
  const detector = labelled("Detector", select(Object.keys(lab.detectors), state.detector, (name) => {
    state.detector = name;
    refresh();
  }));
  const use = select([["detector", "a detector"], ["kernel", "own kernel"]], state.use, (value) => {
    state.use = value;
    refresh();
  });
  const view = select([], "", (value) => { state.view = value; refresh(); });
  const wheel = h("canvas", { width: 64, height: 64, class: "wheel", role: "img", "aria-label": "Colours of directions" });
  paintWheel(wheel);
  const legend = h("p", { class: "row hint" }, wheel, "The colour says where the brightness grows, as an arrow from the wheel's centre would point.");
  const gain = slider(state.gain, (value) => { state.gain = value; refresh(); }, {
    min: -4, max: 6, step: 0.25, text: (value) => `× ${say(2 ** value, 3)}`,
  });
  const wipe = slider(state.wipe, (value) => { state.wipe = value; uncover(); save(); }, {
    min: 0, max: 100, text: (value) => `${value} %`,
  });

  root.append(
    h("h2", {}, "Edges"),
    h("p", { class: "lead" }, "Edges are the places where pixels change. A kernel whose taps sum to zero answers nothing where neighbours are equal."),
    h("div", { class: "bench edges" },
      h("div", { class: "stage" }, frame, took, found, readout),
      h("div", { class: "controls" },
        h("fieldset", {}, h("legend", {}, "What to look with"), labelled("Use", use), detector, kernels),
        editor.root,
        h("fieldset", {}, h("legend", {}, "What to show"),
          labelled("View", view), legend,
          labelledSlider("Gain", gain),
          labelledSlider("Image itself", wipe, "from the left"),
          labelled("Beyond the image", select(BOUNDARIES, state.boundary, (value) => { state.boundary = value; refresh(); })),
          labelled("Size", select([["fit", "fit the page"], ["full", "pixel by pixel"]], state.zoom, (value) => { state.zoom = value; zoom(); save(); })),
          button("Save as PNG", savePicture)))));

  function chosen() {
    if (state.use === "detector") return lab.detectors[state.detector];
    return [{ taps: state.taps, bias: state.bias, step: stepAnswer(state.taps) }];
  }

  // Show what can be chosen, and ask for the picture.
  function refresh() {
    const own = state.use === "kernel";
    editor.root.hidden = !own;
    detector.hidden = own;
    kernels.hidden = own;
    const pair = chosen();
    const fitting = own ? ["first", "strength", "levels"]
      : pair.length === 2 ? ["strength", "direction", "first", "second"] : ["strength", "first"];
    state.view = wordOr(state.view, fitting, fitting[0]);
    view.replaceChildren(...fitting.map((name) => h("option", { value: name }, VIEWS[name])));
    view.value = state.view;
    legend.hidden = state.view !== "direction";
    kernels.replaceChildren(...(own ? [] : pair.map((kernel) => tapsTable(kernel.taps, { caption: kernel.name, text: (tap) => say(tap, 3) }))));
    save();
    ask();
  }

  const ask = oneAtATime(async () => {
    if (!item || closed) return;
    const begun = performance.now();
    const wish = {
      image: item.id, view: state.view, boundary: state.boundary, gain: 2 ** state.gain,
      ...(state.use === "detector" ? { detector: state.detector } : { kernels: [{ taps: state.taps, bias: state.bias }] }),
    };
    try {
      const answer = await api.edges(wish);
      if (closed) return;
      if (item.id === wish.image) {
        last = answer;
        paint(answer, wish.view);
        const time = performance.now() - begun;
        result.dataset.took = String(time);
        took.textContent = `${answer.columns} × ${answer.rows} pixels, computed and drawn in ${Math.round(time)} ms.`;
        found.textContent = wish.view === "levels" ? "" : `Strongest: ${say(answer.largest, 4)} grey levels; ${say(100 * answer.share, 3)} % of the pixels are above a tenth of it.`;
        read();
      }
    } catch (error) {
      if (!closed) lab.announce(error.message);
    }
  });

  function paint({ rows, columns, planes }, shown) {
    if (result.width !== columns || result.height !== rows) {
      [result.width, result.height] = [columns, rows];
    }
    const context = result.getContext("2d");
    const pixels = context.createImageData(columns, rows);
    const out = new Uint32Array(pixels.data.buffer);
    const bytes = planes[0];
    if (shown === "direction" && planes.length === 2) {
      const table = directions();
      const angles = planes[1];
      for (let n = 0; n < out.length; n++) out[n] = table[(angles[n] << 8) | bytes[n]];
    } else {
      const table = shown === "first" || shown === "second" ? signs() : greys();
      for (let n = 0; n < out.length; n++) out[n] = table[bytes[n]];
    }
    context.putImageData(pixels, 0, 0);
  }

  async function load() {
    item = lab.shelf.find(state.image) ?? lab.shelf.find(DEFAULTS.image);
    state.image = item.id;
    refresh();
    image = null;
    const mine = item;
    try {
      const plane = await api.grey(mine);
      if (closed || mine !== item) return;
      image = plane;
      [original.width, original.height] = [plane.columns, plane.rows];
      const context = original.getContext("2d");
      const pixels = context.createImageData(plane.columns, plane.rows);
      const out = new Uint32Array(pixels.data.buffer);
      const table = greys();
      const { low, high } = mine.levels && mine.high > 1
        ? { low: mine.levels[0], high: mine.levels[1] } : scaleOf(plane.data);
      const factor = 255 / (high - low || 1);
      for (let n = 0; n < out.length; n++) {
        out[n] = table[Math.min(255, Math.max(0, Math.round((plane.data[n] - low) * factor)))];
      }
      context.putImageData(pixels, 0, 0);
      zoom();
      uncover();
      read();
    } catch (error) {
      lab.announce(error.message);
    }
  }

  function uncover() {
    original.style.clipPath = `inset(0 ${100 - state.wipe}% 0 0)`;
  }

  function zoom() {
    const full = state.zoom === "full";
    frame.classList.toggle("full", full);
    // Little images are shown large, pixel by pixel.
    const room = frame.clientWidth;
    const small = item.columns * 2 < room && !full;
    const scale = small ? Math.max(1, Math.floor(Math.min(room / item.columns, 560 / item.rows))) : 0;
    for (const canvas of [result, original]) {
      canvas.style.width = scale ? `${item.columns * scale}px` : "";
      canvas.classList.toggle("small", small);
    }
    place();
  }

  function point(event) {
    if (!image) return;
    const box = result.getBoundingClientRect();
    const within = (share, count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
    state.cursor = [
      within((event.clientY - box.top) / box.height, image.rows),
      within((event.clientX - box.left) / box.width, image.columns),
    ];
    save();
    read();
  }

  function key(event) {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const move = moves[event.key];
    if (!move || !image) return;
    event.preventDefault();
    const [row, column] = state.cursor.length === 2 ? state.cursor : [image.rows >> 1, image.columns >> 1];
    const far = event.shiftKey ? 10 : 1;
    state.cursor = [
      Math.min(image.rows - 1, Math.max(0, row + far * move[0])),
      Math.min(image.columns - 1, Math.max(0, column + far * move[1])),
    ];
    save();
    read();
  }

  function place() {
    const shown = image && state.cursor.length === 2;
    cross.hidden = !shown;
    if (!shown) return;
    cross.style.left = `${((state.cursor[1] + 0.5) / image.columns) * 100}%`;
    cross.style.top = `${((state.cursor[0] + 0.5) / image.rows) * 100}%`;
  }

  // The numbers behind one pixel, computed here.
  function read() {
    place();
    if (!image || state.cursor.length !== 2) return;
    const [row, column] = [Math.min(state.cursor[0], image.rows - 1), Math.min(state.cursor[1], image.columns - 1)];
    const pair = chosen();
    const answers = pair.map((kernel) => {
      const shape = geometry(image.rows, image.columns, kernel.taps, {
        mode: "same", boundary: state.boundary, bias: kernel.bias,
        anchor: kernel.anchor,
      });
      return windowAt(image, shape, row, column).sum;
    });
    const steps = answers.map((answer, n) => answer / (pair[n].step || 1));
    const strength = Math.hypot(...steps);
    const terms = [
      ["row, column", `${row}, ${column}`],
      ["level", say(image.data[row * image.columns + column])],
      ...answers.map((answer, n) => [pair[n].name || "answer", say(answer, 6)]),
      ["strength", say(strength, 6)],
    ];
    if (steps.length === 2) {
      const turn = (Math.atan2(-steps[1], steps[0]) * 180) / Math.PI;
      terms.push(["direction", strength ? `${say(turn, 4)}°` : "none"]);
    }
    readout.replaceChildren(h("dl", {}, terms.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))));
  }

  function savePicture() {
    result.toBlob((blob) => {
      const link = h("a", { href: URL.createObjectURL(blob), download: "edges.png" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    });
  }

  const watch = new ResizeObserver(() => { if (item) zoom(); });
  watch.observe(frame);
  load();
  return {
    slots: [{ name: "image", get: () => state.image, set: (id) => {
      state.image = id;
      state.cursor = [];
      load();
    } }],
    stop: () => {
      closed = true;
      watch.disconnect();
    },
    last: () => last,
  };
}

// The strongest answer to a straight edge of height 1, as kernfit's step_answer.
function stepAnswer(taps) {
  const columns = taps[0].map((_, b) => taps.reduce((sum, row) => sum + row[b], 0));
  const rows = taps.map((row) => row.reduce((sum, tap) => sum + tap, 0));
  const reach = (sums) => {
    let total = 0;
    return Math.max(...sums.map((sum) => Math.abs((total += sum))));
  };
  return Math.max(reach(columns), reach(rows));
}

const tables = new Map();

function table(name, size, colour) {
  if (!tables.has(name)) {
    const found = new Uint32Array(size);
    for (let n = 0; n < size; n++) {
      const [red, green, blue] = colour(n);
      found[n] = (LITTLE_ENDIAN | (blue << 16) | (green << 8) | red) >>> 0;
    }
    tables.set(name, found);
  }
  return tables.get(name);
}

const greys = () => table("grey", 256, (n) => [n, n, n]);
const signs = () => {
  const neutral = signed(0)[0];
  return table(`signed ${neutral}`, 256, (n) => signed((n - 128) / 127));
};
const directions = () => table("direction", 65536, (n) => turned(n >> 8, (n & 255) / 255));

// A colour for an angle, 256 being a full turn, of equal lightness all around as far as screens can.
function turned(angle, strength) {
  const turn = (angle / 256) * 2 * Math.PI;
  return [0, 1, 2].map((n) => Math.round(255 * strength * (0.5 + 0.5 * Math.cos(turn - (n * 2 * Math.PI) / 3))));
}

function paintWheel(canvas) {
  const context = canvas.getContext("2d");
  const half = canvas.width / 2;
  const pixels = context.createImageData(canvas.width, canvas.height);
  for (let y = 0; y < canvas.height; y++) {
    for (let x = 0; x < canvas.width; x++) {
      const [dx, dy] = [x + 0.5 - half, y + 0.5 - half];
      const radius = Math.hypot(dx, dy) / half;
      if (radius > 1) continue;
      const angle = (Math.atan2(dy, dx) / (2 * Math.PI)) * 256;
      pixels.data.set([...turned(angle, radius), 255], (y * canvas.width + x) * 4);
    }
  }
  context.putImageData(pixels, 0, 0);
}

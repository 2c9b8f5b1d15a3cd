// Learn: from before and after to the kernel; and the descent, step by step, beside the exact answer.

import * as api from "./api.js";
import { button, checkbox, h, labelled, labelledSlider, numberInput, oneAtATime, say, select, slider } from "./dom.js";
import { signed, tapsTable } from "./draw.js";
import { KernelEditor } from "./editor.js";
import { MOST_STEPS, Path, tap } from "./path.js";
import { isTaps, wholeOr } from "./state.js";

export const DEFAULTS = {
  before: "portrait", after: "", make: true, taps: [[0, -1, 0], [-1, 5, -1], [0, -1, 0]], offset: 0,
  noise: 0, whole: true, share: 100, shape: "auto", robust: false, rate: 0.9, bias: true, pace: 1, steps: 0,
  start: "zeros",
};
const SHAPES = ["auto", "1x2", "2x1", "2x2", "3x3", "5x5", "7x7", "9x9", "11x11", "15x15"];

export function start(root, lab) {
  const { state, save } = lab;
  if (!isTaps(state.taps, 15)) state.taps = DEFAULTS.taps;
  if (!/^([1-9]\d?)x([1-9]\d?)$/.test(state.shape)) state.shape = "auto";
  state.steps = wholeOr(state.steps, 0, MOST_STEPS, 0);
  let closed = false;
  let stop = null;
  let answer = null;
  const path = new Path(state, save);

  const source = select([["true", "make it here"], ["false", "two images"]], String(state.make), (value) => {
    state.make = value === "true";
    arrange();
    learn();
  });
  const editor = new KernelEditor({
    taps: state.taps, kernels: lab.kernels, title: "Hidden kernel",
    change: (taps, kernel) => {
      state.taps = taps;
      if (kernel) state.offset = kernel.bias;
      offset.value = state.offset;
      learn();
    },
  });
  const offset = numberInput(state.offset, (value) => { state.offset = value; learn(); });
  const noise = numberInput(state.noise, (value) => { state.noise = value; learn(); }, { min: 0, max: 1000 });
  const making = h("fieldset", {}, h("legend", {}, "Made here"),
    labelled("Bias", offset), labelled("Noise", noise, "standard deviation, in grey levels"),
    checkbox("Rounded and cut to whole levels", state.whole, (on) => { state.whole = on; learn(); }));
  const pair = h("p", { class: "hint", id: "pair" });
  const run = button("Learn", () => learn(), { class: "primary" });
  const cancel = button("Cancel", () => stop?.abort(), { disabled: true });
  const bar = h("progress", { "aria-label": "Learning", hidden: true });
  const doing = h("span", { class: "hint", id: "doing", role: "status" });
  const verdict = h("div", { class: "verdict", id: "verdict" });
  const tables = h("div", { class: "tables" });
  const figures = h("div", { class: "pictures" });
  const files = h("div", { class: "row" });
  const results = h("div", { class: "stage", id: "results", "aria-live": "polite" }, verdict, tables, files, figures, path.root);
  let question = null; // what the shown answer answers

  root.append(
    h("h2", {}, "Learn"),
    h("p", { class: "lead" }, "Which kernel turned the before image into the after image? Drop two images, or hide a kernel and have the after image made here."),
    h("div", { class: "bench learn" },
      h("div", { class: "stage" }, h("div", { class: "row" }, run, cancel, bar, doing), results),
      h("div", { class: "controls" },
        h("fieldset", {}, h("legend", {}, "Pair"), labelled("After image", source), pair,
          labelledSlider("Pixels to use", slider(state.share, (value) => { state.share = value; learn(); }, {
            min: 1, max: 100, text: (value) => `${value} %`,
          }), "the middle of the image"),
          labelled("Kernel's shape", select([...new Set([...SHAPES, state.shape])], state.shape, (value) => { state.shape = value; learn(); })),
          checkbox("Leave out outliers", state.robust, (on) => { state.robust = on; learn(); })),
        editor.root, making,
        h("fieldset", {}, h("legend", {}, "Try"),
          example("The lesson's pair", { before: "bar", make: true, taps: [[1, -1]], offset: 0, noise: 0, whole: true, share: 100, shape: "1x2", bias: false, rate: 0.9, pace: 0, steps: 0, start: "zeros" }),
          example("Noise", { before: "portrait", make: true, noise: 12, share: 100, shape: "3x3" }),
          example("Few pixels", { before: "portrait", make: true, noise: 12, share: 1, shape: "3x3" }),
          example("Stripes that hide taps", { before: "stripes", make: true, noise: 0, share: 100, shape: "3x3" }),
          example("A rate that diverges", { rate: 1.05, steps: 0, start: "random numbers" })))));

  function example(text, values) {
    return button(text, () => {
      Object.assign(state, values);
      lab.reopen();
    });
  }

  function arrange() {
    editor.root.hidden = making.hidden = !state.make;
    const before = lab.shelf.find(state.before) ?? lab.shelf.find(DEFAULTS.before);
    state.before = before.id;
    const after = lab.shelf.find(state.after);
    pair.textContent = state.make
      ? `Before: ${before.name}. After: made from it with the hidden kernel.`
      : `Before: ${before.name}. After: ${after ? after.name : "not chosen yet; pick one on the shelf or drop it"}.`;
    source.value = String(state.make);
  }

  function slots() {
    const slot = (name, label) => ({ name: label, get: () => state[name], set: (id) => {
      state[name] = id;
      arrange();
      learn();
    } });
    const found = state.make ? [slot("before", "before")] : [slot("before", "before"), slot("after", "after")];
    // Two files at a time are before and after; the old after image is no partner of a new one.
    found.onpair = () => {
      state.make = false;
      state.after = "";
      arrange();
      lab.shelf.use(slots());
    };
    // Files that come one by one: a new before image waits for its own after image.
    found.onadded = (id) => {
      if (state.make || !state.after) return false;
      state.after = "";
      state.before = id;
      arrange();
      learn();
      lab.shelf.expect(1);
      return true;
    };
    return found;
  }

  const learn = oneAtATime(async () => {
    if (closed) return;
    save();
    lab.shelf.use(slots());
    if (!state.make && !lab.shelf.find(state.after)) {
      stop?.abort();
      clear(h("p", { class: "hint" }, "Pick the after image on the shelf, or drop it on the page."));
      return;
    }
    const asked = JSON.stringify(wish());
    mark();
    const found = await running(() => api.learn(JSON.parse(asked), watching()));
    // Something else is asked by now: that answer is on its way.
    if (!found || closed || asked !== JSON.stringify(wish())) return;
    answer = found;
    question = asked;
    show(found);
    mark();
  });

  // Dim what answers another question than the one that stands there now.
  function mark() {
    results.toggleAttribute("data-stale", question !== null && question !== JSON.stringify(wish()));
  }

  // Take the answer away, and say why there is none.
  function clear(...said) {
    answer = question = null;
    verdict.replaceChildren(...said);
    for (const part of [tables, figures, files]) part.replaceChildren();
    path.use(null);
    mark();
  }

  // What is told while work is under way, and how it is stopped.
  let stage = "";
  const watching = () => ({ signal: stop.signal, progress: (text) => { stage = text; } });

  // Do work that takes a while: show that it goes on, let it be cancelled, say what went wrong.
  async function running(work) {
    while (stop) await new Promise((resolve) => { setTimeout(resolve, 50); });
    stop = new AbortController();
    cancel.disabled = false;
    bar.hidden = false;
    const begun = performance.now();
    const seconds = (digits) => ((performance.now() - begun) / 1000).toFixed(digits);
    const tell = () => { doing.textContent = `${stage} · ${seconds(1)} s`; };
    const clock = setInterval(tell, 100);
    try {
      const found = await work();
      doing.textContent = `Done in ${seconds(2)} s.`;
      return found;
    } catch (error) {
      if (closed) return null;
      doing.textContent = error.name === "AbortError" ? "Cancelled." : "";
      if (error.name !== "AbortError") {
        clear(h("p", { class: "error", role: "alert" }, error.message));
      }
      return null;
    } finally {
      clearInterval(clock);
      stop = null;
      stage = "";
      cancel.disabled = true;
      bar.hidden = true;
    }
  }

  // One page with everything, made by learning once more with the images at hand.
  async function report() {
    if (stop) return;
    const text = await running(() => api.learn({ ...wish(), report: true }, watching()));
    if (text) download("report.html", "text/html", text.report);
  }

  function wish() {
    const shape = state.shape === "auto" ? "auto" : state.shape.split("x").map(Number);
    const made = { kernel: { taps: state.taps, bias: state.offset }, noise: state.noise, whole: state.whole };
    return {
      before: state.before, share: state.share / 100, shape, robust: state.robust,
      ...(state.make ? { make: made } : { after: state.after }),
    };
  }

  function show({ fit, verdict: words, name, file, statistics, images }) {
    const good = fit.status.code === "good";
    const mark = good ? "good" : fit.status.code === "misfit" ? "bad" : "unsure";
    const title = { good: "Found", misfit: "Not a kernel alone", undetermined: "Not all can be told" }[fit.status.code] ?? fit.status.code;
    verdict.replaceChildren(
      h("p", { class: `mark ${mark}` }, title),
      h("p", {}, words), name ? h("p", {}, name) : "", (fit.notes ?? []).map((note) => h("p", { class: "hint" }, note)),
      h("dl", { class: "facts" },
        fact("shape", `${fit.kernel.weight[0][0].length} × ${fit.kernel.weight[0][0][0].length}`),
        fact("bias", withError(fit.kernel.bias[0], fit.bias_stderr[0])),
        fact("residual", `${say(fit.residual_rms < 1e-9 ? 0 : fit.residual_rms, 4)} grey levels`, fit.residual_floor ? `rounding alone leaves ${say(fit.residual_floor, 3)}` : ""),
        fact("pixels used", fit.used.toLocaleString("en"), Object.entries(fit.left_out).filter(([, n]) => n).map(([why, n]) => `${n.toLocaleString("en")} ${why}`).join(", "))));
    const single = fit.kernel.weight.length === 1 && fit.kernel.weight[0].length === 1;
    tables.replaceChildren(
      ...(single ? [h("div", { class: "scroll" }, tapsTable(fit.kernel.weight[0][0], { errors: fit.stderr, caption: "Learnt, with standard errors", text: tap }))]
        : fit.kernel.weight.flatMap((row, o) => row.map((taps, i) => h("div", { class: "scroll" }, tapsTable(taps, { caption: `output channel ${o + 1} from input channel ${i + 1}`, text: tap }))))),
      state.make ? h("div", { class: "scroll" }, tapsTable(state.taps, { caption: "Hidden", text: tap })) : "");
    figures.replaceChildren(...(images?.before ? [
      figure("Before", images.before), figure("After", images.after), figure("Predicted", images.predicted),
      figure(`Residual, ± ${say(images.reach, 3)}`, images.residual, true)] : []));
    files.replaceChildren(
      button("Download kernel file", () => download("kernel.json", "application/json", file)),
      button("Download report", () => report()));
    path.use(statistics);
  }

  arrange();
  learn();
  return {
    slots: slots(),
    stop: () => {
      closed = true;
      stop?.abort();
      path.close();
    },
    answer: () => answer,
  };
}

const fact = (name, value, note = "") => h("div", {}, h("dt", {}, name), h("dd", {}, value, note ? h("small", {}, note) : null));
const withError = (value, error) => (error === null ? `${tap(value)} (not determined)` : `${tap(value)} ± ${Number(error.toPrecision(2))}`);

function download(name, type, text) {
  const link = h("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// A small picture that came as base64; signed: 128 is zero.
function figure(caption, { rows, columns, base64 }, isSigned = false) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const canvas = h("canvas", { width: columns, height: rows, role: "img", "aria-label": caption });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(columns, rows);
  bytes.forEach((level, n) => {
    const [red, green, blue] = isSigned ? signed((level - 127.5) / 127.5) : [level, level, level];
    pixels.data.set([red, green, blue, 255], 4 * n);
  });
  context.putImageData(pixels, 0, 0);
  return h("figure", {}, h("figcaption", {}, caption), canvas);
}

// Learn: from before and after to the kernel; and the descent, step by step, beside the exact answer.

import * as api from "./api.js";
import { Descent, factor } from "./descent.js";
import { button, checkbox, h, labelled, labelledSlider, numberInput, oneAtATime, say, select, slider } from "./dom.js";
import { colour, resize, signed, tapsTable } from "./draw.js";
import { KernelEditor } from "./editor.js";
import { isTaps, wholeOr } from "./state.js";

export const DEFAULTS = {
  before: "portrait", after: "", make: true, taps: [[0, -1, 0], [-1, 5, -1], [0, -1, 0]], offset: 0,
  noise: 0, whole: true, share: 100, shape: "auto", robust: false, rate: 0.9, bias: true, pace: 1, steps: 0,
  start: "zeros",
};
const SHAPES = ["auto", "1x2", "2x1", "2x2", "3x3", "5x5", "7x7", "9x9", "11x11", "15x15"];
const MOST_STEPS = 200000;

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

  root.append(
    h("h2", {}, "Learn"),
    h("p", { class: "lead" }, "Which kernel turned the before image into the after image? Drop two images, or hide a kernel and have the after image made here."),
    h("div", { class: "bench learn" },
      h("div", { class: "stage" }, h("div", { class: "row" }, run, cancel, bar, doing), verdict, tables, files, figures, path.root),
      h("div", { class: "controls" },
        h("fieldset", {}, h("legend", {}, "Pair"), labelled("After image", source), pair,
          labelledSlider("Pixels to use", slider(state.share, (value) => { state.share = value; learn(); }, {
            min: 1, max: 100, text: (value) => `${value} %`,
          }), "the middle of the image"),
          labelled("Kernel's size", select([...new Set([...SHAPES, state.shape])], state.shape, (value) => { state.shape = value; learn(); })),
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
    found.onpair = () => {
      state.make = false;
      arrange();
      lab.shelf.use(slots());
    };
    return found;
  }

  const learn = oneAtATime(async () => {
    if (closed) return;
    save();
    lab.shelf.use(slots());
    if (!state.make && !lab.shelf.find(state.after)) {
      verdict.replaceChildren(h("p", { class: "hint" }, "Pick the after image on the shelf, or drop it on the page."));
      return;
    }
    const found = await running(() => api.learn(wish(), watching()));
    if (!found || closed) return;
    answer = found;
    show(found);
  });

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
        verdict.replaceChildren(h("p", { class: "error", role: "alert" }, error.message));
        for (const part of [tables, figures, files]) part.replaceChildren();
        path.use(null);
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
        fact("size", `${fit.kernel.weight[0][0].length} × ${fit.kernel.weight[0][0][0].length}`),
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

const tap = (value) => say(Math.abs(value) < 1e-12 ? 0 : value, 5);
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

// The descent on the sums, with its chart and the reason why it arrives or diverges.
export class Path {
  constructor(state, save = () => {}, title = "The same by gradient descent") {
    this.state = state;
    this.save = save;
    this.playing = false;
    this.play = button("Play", () => (this.playing ? this.pause() : this.go()), { class: "primary" });
    this.chart = h("canvas", { class: "chart", role: "img", "aria-label": "Loss after every step, logarithmic" });
    this.now = h("div", { class: "scroll" });
    this.exact = h("div", { class: "scroll" });
    this.said = h("p", { id: "step", role: "status" });
    this.why = h("p", { class: "why", id: "why" });
    this.rates = slider(Math.log10(state.rate), (value) => this.setRate(10 ** value), {
      min: -2, max: 0.5, step: 0.005, text: (value) => `${say(10 ** value, 3)} of the limit`,
    });
    this.number = numberInput("", (value) => {
      if (this.sums && value > 0) {
        this.setRate(value / this.limit);
        this.rates.set(Math.log10(this.state.rate));
      }
    }, { min: 0 });
    this.number.classList.add("wide");
    this.body = h("div", { class: "path" },
      h("div", { class: "row" }, this.play,
        button("Step", () => this.advance(1)), button("100 steps", () => this.advance(100)),
        button("Start again", () => this.restart())),
      labelledSlider("Learning rate", this.rates),
      labelled("The same in numbers", this.number),
      labelled("Pace", select([[0, "2 steps a second"], [1, "30 steps a second"], [10, "600"], [200, "12,000"]], state.pace, (value) => { state.pace = Number(value); save(); })),
      labelled("Start from", select(["zeros", "random numbers"], state.start, (value) => { state.start = value; this.restart(); })),
      checkbox("Learn the bias too", state.bias, (on) => { state.bias = on; this.restart(); }),
      this.said, this.why, this.chart,
      h("div", { class: "tables" }, this.now, this.exact));
    this.none = h("p", { class: "hint" }, "The descent is shown for kernels of one channel, up to 15 × 15.");
    this.root = h("section", { class: "descent", "aria-label": "Gradient descent" },
      h("h3", {}, title),
      h("p", { class: "hint" }, "The loss depends on the images only through a few sums; on these the descent runs here, step by step, as a training loop over the images would."),
      this.body, this.none);
    this.watch = new ResizeObserver(() => this.draw());
    this.watch.observe(this.body);
    this.use(null);
  }

  close() {
    this.pause();
    this.watch.disconnect();
  }

  use(sums) {
    this.pause();
    this.sums = sums;
    this.body.hidden = !sums;
    this.none.hidden = Boolean(sums);
    if (sums) this.restart(this.state.steps);
  }

  get eigenvalues() {
    return this.state.bias ? this.sums.eigenvalues : this.sums.eigenvalues_without_bias;
  }

  // Above this rate the descent diverges.
  get limit() {
    return 1 / this.eigenvalues[0];
  }

  setRate(share) {
    this.state.rate = share;
    if (this.sums) this.restart(this.descent.steps);
  }

  restart(steps = 0) {
    const rate = this.state.rate * this.limit;
    this.descent = new Descent(this.sums, { rate, bias: this.state.bias, start: this.start() });
    this.number.value = Number(rate.toPrecision(6));
    this.advance(steps);
  }

  // Where the descent begins; the same random numbers every time, so that a link shows the same.
  start() {
    const count = this.sums.cross.length;
    let seed = 9;
    const next = () => {
      seed = (seed * 16807) % 2147483647;
      return (2 * seed) / 2147483647 - 1;
    };
    return Array.from({ length: count }, (_, n) => (this.state.start === "zeros" || n === count - 1 ? 0 : next()));
  }

  advance(count) {
    for (let n = 0; n < count && this.descent.steps < MOST_STEPS && this.bounded; n++) this.descent.step();
    this.state.steps = this.descent.steps;
    this.save();
    this.draw();
  }

  // Numbers that have left all bounds say no more.
  get bounded() {
    return Number.isFinite(this.descent.losses.at(-1)) && this.descent.losses.at(-1) < 1e200;
  }

  go() {
    if (!this.sums) return;
    this.playing = true;
    this.play.textContent = "Pause";
    let last = 0;
    const frame = (now) => {
      if (!this.playing) return;
      const { pace } = this.state;
      if (now - last >= (pace === 0 ? 500 : pace === 1 ? 33 : 16)) {
        last = now;
        this.advance(Math.max(1, pace));
      }
      if (this.descent.steps >= MOST_STEPS || !this.bounded) this.pause();
      else requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  pause() {
    this.playing = false;
    this.play.textContent = "Play";
  }

  taps(weights) {
    const [rows, columns] = this.sums.shape;
    return Array.from({ length: rows }, (_, a) => Array.from(weights.slice(a * columns, (a + 1) * columns)));
  }

  draw() {
    if (!this.sums || !this.body.isConnected) return;
    const { descent, sums, state } = this;
    const loss = descent.losses.at(-1);
    this.said.textContent = `Step ${descent.steps}: loss ${say(loss, 6)}; the least possible is ${say(Math.max(sums.least, 0), 4)}.`;
    this.now.replaceChildren(tapsTable(this.taps(descent.weights), { caption: `After ${descent.steps} steps; bias ${say(descent.weights.at(-1), 4)}`, text: tap }));
    this.exact.replaceChildren(tapsTable(this.taps(sums.exact), { caption: `Exact; bias ${tap(sums.exact.at(-1))}`, text: tap }));
    const silent = state.rate >= 1 && descent.steps >= 20 && !descent.diverged
      ? " It does not show here: from these numbers nothing was missing along that direction. Start from random numbers." : "";
    this.why.textContent = reason(state.rate * this.limit, this.eigenvalues) + silent;
    this.why.classList.toggle("error", state.rate >= 1);
    this.paint();
  }

  paint() {
    const width = Math.min(this.body.clientWidth, 720);
    if (width < 50) return;
    const height = 200;
    const context = resize(this.chart, width, height);
    const { losses } = this.descent;
    const least = Math.max(this.sums.least, 0);
    const floor = Math.max(least, losses[0] * 1e-16, 1e-300);
    const log = (loss) => Math.log10(Math.min(Math.max(loss, floor), 1e200));
    let [low, high] = [log(floor), log(losses[0])];
    for (const loss of losses) {
      low = Math.min(low, log(loss));
      high = Math.max(high, log(loss));
    }
    low = Math.max(low, high - 18);
    high = Math.max(high, low + 1);
    const [left, right, top, bottom] = [56, 8, 10, 24];
    const x = (n) => left + (n / Math.max(losses.length - 1, 10)) * (width - left - right);
    const y = (loss) => top + ((high - log(loss)) / (high - low)) * (height - top - bottom);
    context.clearRect(0, 0, width, height);
    context.font = "12px system-ui, sans-serif";
    context.fillStyle = colour("--soft");
    context.strokeStyle = colour("--line");
    context.textAlign = "right";
    const each = Math.max(1, Math.ceil((high - low) / 5));
    for (let power = Math.ceil(low); power <= high; power += each) {
      context.beginPath();
      context.moveTo(left, y(10 ** power));
      context.lineTo(width - right, y(10 ** power));
      context.stroke();
      context.fillText(`1e${power}`, left - 6, y(10 ** power) + 4);
    }
    context.fillText(`step ${Math.max(losses.length - 1, 10)}`, width - right, height - 6);
    context.textAlign = "left";
    context.fillText("0", left, height - 6);
    if (least > 0 && log(least) >= low) {
      context.setLineDash([5, 4]);
      context.strokeStyle = colour("--good");
      context.beginPath();
      context.moveTo(left, y(least));
      context.lineTo(width - right, y(least));
      context.stroke();
      context.setLineDash([]);
    }
    context.strokeStyle = colour("--mark");
    context.lineWidth = 2;
    context.beginPath();
    const every = Math.max(1, Math.floor(losses.length / 2000));
    losses.forEach((loss, n) => {
      if (n % every === 0 || n === losses.length - 1) context.lineTo(x(n), y(loss));
    });
    context.stroke();
    if (losses.length < 40) {
      context.fillStyle = colour("--mark");
      losses.forEach((loss, n) => context.fillRect(x(n) - 2.5, y(loss) - 2.5, 5, 5));
    }
  }
}

// Why a descent arrives or not, in words.
export function reason(rate, eigenvalues) {
  const largest = eigenvalues[0];
  const shrink = factor(rate, largest);
  const first = `The largest eigenvalue of the Gram matrix is λ = ${say(largest, 4)}. Each step multiplies what is still missing along its direction by 1 − 2·rate·λ = ${say(shrink, 4)}. `;
  if (Math.abs(shrink) >= 1) {
    return `${first}That is not smaller than 1 in size, so it ${Math.abs(shrink) === 1 ? "never shrinks" : "grows with every step: the descent diverges"}. Give a rate below 1/λ = ${say(1 / largest, 4)}.`;
  }
  const smallest = eigenvalues.at(-1);
  if (smallest <= largest * 1e-12) {
    return `${first}It shrinks, as the rate is below 1/λ = ${say(1 / largest, 4)}. The smallest eigenvalue is 0: along its direction nothing moves, for the data say nothing about it.`;
  }
  const slow = Math.abs(factor(rate, smallest));
  const steps = Math.log(0.1) / Math.log(slow);
  return `${first}It shrinks, as the rate is below 1/λ = ${say(1 / largest, 4)}. The smallest eigenvalue is ${say(smallest, 4)}: along its direction a tenth is left after ${say(Math.ceil(steps), 6)} steps.`;
}

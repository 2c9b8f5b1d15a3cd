// The descent on the sums, with its chart and the reason why it arrives or diverges.

import { Descent, factor } from "./descent.js";
import { button, checkbox, h, labelled, labelledSlider, numberInput, say, select, slider } from "./dom.js";
import { colour, resize, tapsTable } from "./draw.js";

export const MOST_STEPS = 200000;
export const tap = (value) => say(Math.abs(value) < 1e-12 ? 0 : value, 5);

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
    this.behind = h("p", { class: "hint", id: "behind" });
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
      this.said, this.why, h("details", {}, h("summary", {}, "Why, in eigenvalues"), this.behind), this.chart,
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
    const { said, behind } = reason(state.rate * this.limit, this.eigenvalues);
    this.why.textContent = said + silent;
    this.behind.textContent = behind;
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

// Why a descent arrives or not, in words: what happens first, the eigenvalues behind it after that.
export function reason(rate, eigenvalues) {
  const largest = eigenvalues[0];
  const shrink = factor(rate, largest);
  const limit = say(1 / largest, 4);
  const behind = `The largest eigenvalue of the Gram matrix is λ = ${say(largest, 4)}. Each step multiplies what is still missing along its direction by 1 − 2·rate·λ = ${say(shrink, 4)}.`;
  if (Math.abs(shrink) >= 1) {
    const grows = Math.abs(shrink) === 1 ? "never shrinks" : "grows with every step: the descent diverges";
    return { said: `The rate is too large: what is missing ${grows}. Give a rate below 1/λ = ${limit}.`, behind };
  }
  const smallest = eigenvalues.at(-1);
  if (smallest <= largest * 1e-12) {
    return {
      said: `The rate is below the limit of 1/λ = ${limit}, so what is missing shrinks; but along some directions nothing moves, for the data say nothing about them.`,
      behind: `${behind} The smallest eigenvalue is 0.`,
    };
  }
  const slow = Math.abs(factor(rate, smallest));
  const steps = say(Math.ceil(Math.log(0.1) / Math.log(slow)), 6);
  return {
    said: `The rate is below the limit of 1/λ = ${limit}: what is missing shrinks. Where it shrinks most slowly, a tenth is left after ${steps} steps.`,
    behind: `${behind} The smallest eigenvalue is ${say(smallest, 4)}.`,
  };
}

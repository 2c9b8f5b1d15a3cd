// The lesson: each statement with something to try, and an exercise with its answer.

import * as api from "./api.js";
import { correlate, flipped, plane } from "./correlate.js";
import { button, checkbox, h, labelled, labelledSlider, say, select, slider } from "./dom.js";
import { colour, picture, resize, scaleOf, tapsTable } from "./draw.js";
import { Path } from "./path.js";
import { Stage } from "./stage.js";

export const DEFAULTS = { solved: [] };

const NUMBERS = plane(3, 3, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
const WINDOW = [[0, 1], [2, 3]];
const EDGE = [[1, -1]];

export function start(root, lab) {
  const { state } = lab;
  state.solved = Array.isArray(state.solved) ? state.solved.filter(Number.isInteger) : [];
  const stops = [];
  const score = h("p", { class: "hint", id: "score" });
  const sections = [slides, layer, edges, learning, flips, maps, fields].map((make) => make());
  const count = () => { score.textContent = `${state.solved.length} of ${sections.length} exercises solved.`; };
  root.append(
    h("h2", {}, "The lesson"),
    h("p", { class: "lead" }, "A convolutional network contains convolutional layers. These have two spatial axes, height and width, and usually handle images. Here is what such a layer does, how it learns, and what it sees."),
    score,
    h("ol", { class: "lesson" }, sections.map(({ title, text, widget, more, exercise }, n) => h("li", { id: `part-${n + 1}` },
      h("h3", {}, `${n + 1}. ${title}`), text.map((words) => h("p", {}, words)),
      h("div", { class: "widget" }, widget),
      more ? h("p", {}, h("a", { href: more[1] }, more[0])) : null,
      ask(n + 1, exercise)))));
  count();

  function ask(id, { question, choices, right, why }) {
    const verdict = h("p", { role: "status", class: "result" });
    const input = choices ? select([["", "choose"], ...choices], "", () => {}) : h("input", { type: "text", inputmode: "decimal", size: 10 });
    const check = () => {
      const good = choices ? input.value === right : right(number(input.value));
      verdict.textContent = good ? `Right. ${why}` : "Not yet: try again, or look at the answer.";
      verdict.className = good ? "result good" : "result error";
      if (good && !state.solved.includes(id)) {
        state.solved = [...state.solved, id];
        lab.save();
        count();
      }
    };
    if (!choices) input.addEventListener("keydown", (event) => { if (event.key === "Enter") check(); });
    return h("div", { class: "exercise", role: "group", "aria-label": `Exercise ${id}` },
      labelled(`Exercise: ${question}`, input),
      h("div", { class: "row" }, button("Check", check), h("details", {}, h("summary", {}, "Answer"), h("p", {}, why))), verdict);
  }

  // 1. The two numbered steps of cross-correlation.
  function slides() {
    const place = { at: 0, speed: 2, all: false };
    const where = h("p", { class: "about" });
    const sum = h("output", { class: "sum", id: "lesson-sum" });
    const stage = new Stage(place, () => {
      if (!stage.here) return;
      const { i, j, cells, sum: total } = stage.here;
      where.textContent = `(a) The window is at row ${i}, column ${j}. (b) Multiply element by element, and sum:`;
      sum.textContent = `${cells.map(({ value, tap }) => `${value}·${tap}`).join(" + ")} = ${total}`;
    });
    stage.image = NUMBERS;
    stage.scale = scaleOf(NUMBERS.data);
    requestAnimationFrame(() => stage.use(WINDOW, {}));
    stops.push(() => stage.close());
    return {
      title: "Cross-correlation",
      text: [
        "(a) The window (also called kernel or filter) starts at the top left of the image and slides left to right, top to bottom. (b) At each place the part of the image under it is multiplied by the kernel, element by element, and summed: one element of the output.",
        "An image of H × W and a kernel of h × w give (H − h + 1) × (W − w + 1) elements.",
      ],
      widget: [
        h("div", { class: "planes" }, h("figure", {}, h("figcaption", {}, "Image"), stage.input), h("figure", {}, h("figcaption", {}, "Output"), stage.output)),
        h("div", { class: "row" }, button("Back", () => stage.go(place.at - 1)), button("Next", () => stage.go(place.at + 1)), button("Play", () => stage.play())),
        where, sum],
      more: ["Change the numbers, stride, padding and border on the bench Slide", "#slide"],
      exercise: {
        question: "with the kernel 1 0 / 0 1 instead, what is the output's last element (bottom right)?",
        right: (given) => given === 12,
        why: "The window then lies on 4 5 / 7 8: 4·1 + 5·0 + 7·0 + 8·1 = 12.",
      },
    };
  }

  // 2. A layer: y = k * x + b.
  function layer() {
    const shown = h("div", { class: "tables", id: "lesson-layer" });
    const values = { factor: 1, bias: 0 };
    const show = () => {
      const taps = WINDOW.map((row) => row.map((tap) => tap * values.factor));
      const found = correlate(NUMBERS, taps, { bias: values.bias });
      shown.replaceChildren(tapsTable(taps, { caption: "k", text: (n) => say(n) }), tapsTable(lines(found), { caption: "y = k*x + b", text: (n) => say(n) }));
    };
    show();
    return {
      title: "A convolutional layer",
      text: ["A layer is cross-correlation plus a bias: y = k*x + b, the same b for every element of the output. The numbers k and b are what training learns."],
      widget: [
        labelledSlider("Kernel k, times", slider(1, (value) => { values.factor = value; show(); }, { min: -2, max: 3, step: 0.5, text: (n) => say(n) })),
        labelledSlider("Bias b", slider(0, (value) => { values.bias = value; show(); }, { min: -20, max: 20, text: (n) => say(n) })),
        shown],
      more: ["A layer with a bias on the bench Slide", "#slide?bias=10"],
      exercise: {
        question: "the output was 19 25 / 37 43. Which bias makes its mean 0?",
        right: (given) => given === -31,
        why: "The mean of 19, 25, 37 and 43 is 31, and the bias is added to each: b = −31.",
      },
    };
  }

  // 3. Edges: where pixels change.
  function edges() {
    const input = h("canvas", { role: "img", "aria-label": "The image: white with a black bar", class: "plane still" });
    const output = h("canvas", { role: "img", "aria-label": "What the kernel answers", class: "plane still" });
    const values = { turned: false, kernel: "across" };
    const said = h("p", { id: "lesson-edges" });
    const show = () => {
      const image = values.turned ? transposed(bar()) : bar();
      const taps = values.kernel === "across" ? EDGE : [[1], [-1]];
      const found = correlate(image, taps);
      grid(input, image);
      grid(output, found);
      const edge = found.data.filter((value) => value !== 0).length;
      said.textContent = edge ? `${edge} of ${found.data.length} answers are not 0: orange (1) where white turns to black, blue (−1) where black turns to white.` : "Every answer is 0: along this direction no pixel changes.";
    };
    requestAnimationFrame(show);
    const watch = new ResizeObserver(show);
    watch.observe(root);
    stops.push(() => watch.disconnect());
    return {
      title: "Edges: where pixels change",
      text: ["White is 1, black is 0. The kernel 1 −1, of height 1 and width 2, answers 0 where neighbours are equal, and not 0 where they differ. The image is 6 × 8, the output 6 × 7."],
      widget: [
        h("div", { class: "row" },
          checkbox("Turn the image by 90 degrees", false, (on) => { values.turned = on; show(); }),
          labelled("Kernel", select([["across", "1 −1 side by side"], ["down", "1 above −1"]], "across", (value) => { values.kernel = value; show(); }))),
        h("div", { class: "planes" }, h("figure", {}, h("figcaption", {}, "Image"), input), h("figure", {}, h("figcaption", {}, "Output"), output)), said],
      more: ["Edges of a photograph on the bench Edges", "#edges"],
      exercise: {
        question: "which kernel finds the bar's edges if the image is turned by 90 degrees?",
        choices: [["same", "1 −1 side by side"], ["down", "1 above −1"], ["sum", "1 1 side by side"]],
        right: "down",
        why: "Turned, the pixels change from top to bottom, so the kernel must compare a pixel with the one below it.",
      },
    };
  }

  // 4. Learning the kernel from X and Y.
  function learning() {
    const values = { rate: 0.9, bias: false, pace: 0, steps: 0, start: "zeros" };
    const path = new Path(values, undefined, "Gradient descent, step by step");
    path.use(sumsOf(bar(), correlate(bar(), EDGE)));
    stops.push(() => path.close());
    return {
      title: "Learning the kernel",
      text: ["From that image X and its edges Y alone, can the kernel be found? Start anywhere; predict, take the squared error, and step against its gradient with respect to the kernel. The lesson takes ten steps with a rate of 0.03. Beside it stands the exact answer."],
      widget: path.root,
      more: ["Learn from photographs on the bench Learn", "#learn"],
      exercise: {
        question: "from which learning rate on does this descent diverge?",
        right: (given) => Math.abs(given - 1 / 30) < 5e-4,
        why: "From 1/30 = 0.0333 on. The Gram matrix of the data is 18 12 / 12 18, and its largest eigenvalue 30: a step multiplies what is missing along that direction by 1 − 2·rate·30, and beyond 1/30 this is below −1.",
      },
    };
  }

  // 5. Why correlation can stand in for convolution.
  function flips() {
    const taps = [[1, 2], [3, 4]];
    const shown = h("div", { class: "tables", id: "lesson-flip", "aria-live": "polite" });
    const values = { how: "correlation" };
    let turn = 0;
    const show = async () => {
      const mine = ++turn;
      const applied = values.how === "convolution" ? flipped(taps, [0, 0]).taps : taps;
      try {
        const { fit } = await api.learn({ before: "scene", make: { kernel: { taps: applied, anchor: [0, 0] }, noise: 0, whole: false }, shape: [2, 2] });
        if (mine !== turn) return;
        const learnt = fit.kernel.weight[0][0].map((row) => row.map((tap) => Math.round(tap * 1e6) / 1e6));
        shown.replaceChildren(
          tapsTable(taps, { caption: `Used, by ${values.how}`, text: (n) => say(n) }),
          tapsTable(learnt, { caption: "Learnt, for correlation", text: (n) => say(n) }),
          h("p", {}, `With the learnt kernel, correlation gives the same output: the largest difference is ${say(Math.round(fit.residual_rms * 1e9) / 1e9)}.`));
      } catch (error) {
        shown.replaceChildren(h("p", { class: "error" }, error.message));
      }
    };
    show();
    return {
      title: "Why correlation can stand in for convolution",
      text: ["Convolution proper flips the kernel in both axes first. A layer that correlates learns from data made by convolution all the same: its kernel comes out flipped accordingly, and the output is the same. So it makes no difference."],
      widget: [labelled("Make the data by", select(["correlation", "convolution"], "correlation", (value) => { values.how = value; show(); })), shown],
      more: ["Flip a kernel on the bench Slide", "#slide?flip=true"],
      exercise: {
        question: "data are made by convolution with 5 6 / 7 8. Which number does a correlation layer learn at the top left?",
        right: (given) => given === 8,
        why: "Flipped in both axes the kernel is 8 7 / 6 5.",
      },
    };
  }

  // 6. Feature maps.
  function maps() {
    const names = ["sobel_x", "sobel_y", "laplacian", "gaussian_5", "emboss"];
    const source = h("canvas", { role: "img", "aria-label": "The image", class: "plane still" });
    const map = h("canvas", { role: "img", "aria-label": "Its feature map", class: "plane still" });
    const size = h("p", { id: "lesson-map" });
    let image = null;
    let name = names[0];
    const show = () => {
      if (!image) return;
      const kernel = lab.kernels.find((one) => one.name === name);
      const found = correlate(image, kernel.taps, { bias: kernel.bias });
      still(source, image);
      still(map, found);
      size.textContent = `${kernel.summary} The image has ${image.rows} × ${image.columns} pixels, the feature map ${found.rows} × ${found.columns} elements.`;
    };
    const item = lab.shelf.find("portrait");
    api.grey(item).then((whole) => {
      image = plane(180, 200);
      for (let i = 0; i < 180; i++) for (let j = 0; j < 200; j++) image.data[i * 200 + j] = whole.data[Math.min(i + 60, whole.rows - 1) * whole.columns + Math.min(j + 150, whole.columns - 1)];
      show();
    }).catch((error) => lab.announce(error.message));
    const watch = new ResizeObserver(show);
    watch.observe(root);
    stops.push(() => watch.disconnect());
    return {
      title: "Feature map",
      text: ["A layer's output is a picture of what its kernel found where: a representation of the image at some level, over the spatial axes. That is why it is called a feature map."],
      widget: [labelled("Kernel", select(names, name, (value) => { name = value; show(); })),
        h("div", { class: "planes" }, h("figure", {}, h("figcaption", {}, "Image"), source), h("figure", {}, h("figcaption", {}, "Feature map"), map)), size],
      more: ["Any kernel over any image on the bench Edges", "#edges?use=kernel&view=first"],
      exercise: {
        question: "how many rows has the feature map of a 5 × 5 kernel over a 28 × 28 image?",
        right: (given) => given === 24,
        why: "28 − 5 + 1 = 24: the window must lie within the image.",
      },
    };
  }

  // 7. Receptive fields.
  function fields() {
    const canvas = h("canvas", { role: "img", "aria-label": "The image with the receptive field", class: "plane still" });
    const said = h("p", { id: "lesson-field", "aria-live": "polite" });
    const values = { layers: 2, size: 2, side: 3 };
    let turn = 0;
    const show = async () => {
      const mine = ++turn;
      // Padded, so that there are elements however many layers there are.
      const one = { size: values.size, padding: values.size >> 1 };
      try {
        const answer = await api.see({ shape: [values.side, values.side], layers: Array.from({ length: values.layers }, () => one) });
        if (mine !== turn) return;
        const [[top, bottom], [left, right]] = answer.nodes[0].behind;
        const large = bottom - top > values.side ? "larger than the image itself, which is possible: what lies beyond it is padding." : bottom - top === values.side ? "as large as the image." : "a part of the image.";
        said.textContent = `${values.layers} layer${values.layers > 1 ? "s" : ""} of ${values.size} × ${values.size} see ${bottom - top} × ${right - left} pixels: ${large}`;
        area(canvas, values.side, top, bottom, left, right);
      } catch (error) {
        lab.announce(error.message);
      }
    };
    requestAnimationFrame(show);
    return {
      title: "Receptive field",
      text: ["The receptive field of an element is every place of the input that may affect it when the network runs forward. It grows from layer to layer, and can be larger than the input's actual size."],
      widget: [
        labelledSlider("Layers", slider(2, (value) => { values.layers = value; show(); }, { min: 1, max: 8 })),
        labelledSlider("Kernel's shape", slider(2, (value) => { values.size = value; show(); }, { min: 1, max: 7, text: (n) => `${n} × ${n}` })),
        labelledSlider("Image's side", slider(3, (value) => { values.side = value; show(); }, { min: 3, max: 24, text: (n) => `${n} pixels` })),
        canvas, said],
      more: ["Stack layers, or open a network, on the bench See", "#see"],
      exercise: {
        question: "how many 3 × 3 layers see as much as one 7 × 7 layer?",
        right: (given) => given === 3,
        why: "Three: the first sees 3, and each further one adds 2: 3, 5, 7.",
      },
    };
  }

  return { slots: [], stop: () => stops.forEach((stop) => stop()) };
}

// A number, also as a fraction.
function number(text) {
  const parts = text.trim().replace(/[−–]/, "-").replace(",", ".").split("/").map((part) => (part.trim() === "" ? NaN : Number(part)));
  return parts.length === 2 ? parts[0] / parts[1] : parts.length === 1 ? parts[0] : NaN;
}

// The lesson's image: 6 x 8, white with the columns 2 to 5 black.
function bar() {
  const found = plane(6, 8);
  found.data.fill(1);
  for (let i = 0; i < 6; i++) found.data.fill(0, i * 8 + 2, i * 8 + 6);
  return found;
}

function transposed(image) {
  const found = plane(image.columns, image.rows);
  for (let i = 0; i < found.rows; i++) for (let j = 0; j < found.columns; j++) found.data[i * found.columns + j] = image.data[j * image.columns + i];
  return found;
}

function lines({ rows, columns, data }) {
  return Array.from({ length: rows }, (_, i) => Array.from(data.slice(i * columns, (i + 1) * columns)));
}

// What a pair says about a 1 x 2 kernel: the sums of the Learn bench, for two weights and a bias.
function sumsOf(image, after) {
  const gram = [[0, 0, 0], [0, 0, 0], [0, 0, 0]];
  const cross = [0, 0, 0];
  let energy = 0;
  for (let i = 0; i < after.rows; i++) {
    for (let j = 0; j < after.columns; j++) {
      const patch = [image.data[i * image.columns + j], image.data[i * image.columns + j + 1], 1];
      const y = after.data[i * after.columns + j];
      energy += y * y;
      patch.forEach((p, a) => {
        cross[a] += p * y;
        patch.forEach((q, b) => { gram[a][b] += p * q; });
      });
    }
  }
  const [s, t, d] = [gram[0][0], gram[0][1], gram[1][1]];
  const half = Math.sqrt(((s - d) / 2) ** 2 + t * t);
  const two = [(s + d) / 2 + half, (s + d) / 2 - half];
  return {
    shape: [1, 2], gram, cross, energy, eigenvalues: eigenvalues(gram), eigenvalues_without_bias: two,
    exact: [1, -1, 0], least: 0,
  };
}

// Of a symmetric matrix, by Jacobi's rotations, the largest first.
function eigenvalues(matrix) {
  const a = matrix.map((row) => [...row]);
  const n = a.length;
  for (let sweep = 0; sweep < 30; sweep++) {
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (a[p][q] === 0) continue;
        const angle = 0.5 * Math.atan2(2 * a[p][q], a[q][q] - a[p][p]);
        const [c, s] = [Math.cos(angle), Math.sin(angle)];
        for (let k = 0; k < n; k++) [a[k][p], a[k][q]] = [c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]];
        for (let k = 0; k < n; k++) [a[p][k], a[q][k]] = [c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]];
      }
    }
  }
  return a.map((row, k) => row[k]).sort((x, y) => y - x);
}

// A small plane as cells.
function grid(canvas, found) {
  const room = canvas.parentElement?.clientWidth ?? 0;
  if (room < 40) return;
  const size = Math.min(40, room / 8);
  const context = resize(canvas, found.columns * size, found.rows * size);
  context.drawImage(picture(found), 0, 0, found.columns * size, found.rows * size);
  context.strokeStyle = colour("--line");
  context.strokeRect(0.5, 0.5, found.columns * size - 1, found.rows * size - 1);
}

// A larger plane as a picture.
function still(canvas, found) {
  const room = canvas.parentElement?.clientWidth ?? 0;
  if (room < 40) return;
  const size = Math.min(2, room / found.columns);
  const context = resize(canvas, found.columns * size, found.rows * size);
  context.drawImage(picture(found), 0, 0, found.columns * size, found.rows * size);
}

// An image of side x side pixels with a window that may reach beyond it.
function area(canvas, side, top, bottom, left, right) {
  const room = Math.min(canvas.parentElement?.clientWidth ?? 300, 420);
  const [first, last] = [Math.min(0, top, left), Math.max(side, bottom, right)];
  const size = Math.min(28, room / (last - first));
  const context = resize(canvas, (last - first) * size, (last - first) * size);
  context.fillStyle = colour("--empty");
  context.fillRect(0, 0, 9999, 9999);
  context.translate(-first * size, -first * size);
  context.fillStyle = colour("--card");
  context.fillRect(0, 0, side * size, side * size);
  context.strokeStyle = colour("--line");
  for (let n = 0; n <= side; n++) {
    context.strokeRect(0, 0, n * size, side * size);
    context.strokeRect(0, 0, side * size, n * size);
  }
  context.fillStyle = "rgba(230, 97, 1, .38)";
  context.fillRect(left * size, top * size, (right - left) * size, (bottom - top) * size);
  context.strokeStyle = colour("--mark");
  context.lineWidth = 2;
  context.strokeRect(left * size + 1, top * size + 1, (right - left) * size - 2, (bottom - top) * size - 2);
}

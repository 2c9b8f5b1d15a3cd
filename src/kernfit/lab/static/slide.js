// Slide: the window walks over the image, products and sum are written out, the output grows.

import { grey } from "./api.js";
import { BOUNDARIES, MODES, correlate, flipped, geometry, padded, plane, usualAnchor, windowAt } from "./correlate.js";
import { button, checkbox, everyFrame, h, labelled, labelledSlider, numberInput, say, select, slider } from "./dom.js";
import { colour, colourOf, picture, readable, resize, scaleOf } from "./draw.js";
import { KernelEditor } from "./editor.js";
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
          button("Last", () => view.go(Infinity))),
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
      ? `The output has ${view.result.rows} × ${view.result.columns} elements.`
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
    stop: () => view.close(),
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

// The two planes with the window on them; also used by the lesson.
export class Stage {
  constructor(state, changed) {
    this.state = state;
    this.changed = changed;
    this.playing = false;
    this.image = plane(0, 0);
    this.result = plane(0, 0);
    const canvas = (name) => h("canvas", {
      tabindex: 0, role: "img", "aria-label": name, class: "plane",
      onkeydown: (event) => this.key(event),
    });
    this.input = canvas("Image with the window on it; arrow keys move the window");
    this.output = canvas("Output as far as it is computed; arrow keys move the window");
    this.drag(this.input, (row, column) => this.toWindow(row, column));
    this.drag(this.output, (row, column) => this.toElement(row, column));
    this.draw = everyFrame(() => this.paint());
    this.watch = new ResizeObserver(() => this.draw());
    this.watch.observe(this.input);
    this.watch.observe(document.body);
  }

  close() {
    this.pause();
    this.watch.disconnect();
    this.closed = true;
  }

  use(taps, options) {
    this.shape = geometry(this.image.rows, this.image.columns, taps, options);
    this.result = correlate(this.image, taps, options);
    this.range = scaleOf(this.result.data);
    this.beyond = padded(this.image, this.shape);
    this.pictures = {
      image: picture(this.image, this.scale),
      beyond: picture(this.beyond, this.scale),
      result: picture(this.result, this.range),
    };
    this.go(this.state.at);
  }

  go(at) {
    const last = Math.max(0, this.result.data.length - 1);
    const wanted = Math.min(Math.max(0, Math.floor(at)), last);
    this.state.at = wanted;
    const columns = this.result.columns;
    if (this.result.data.length) {
      const [i, j] = [Math.floor(wanted / columns), wanted % columns];
      this.here = { i, j, ...windowAt(this.image, this.shape, i, j) };
    } else this.here = null;
    this.changed();
    this.draw();
  }

  play() {
    if (this.playing) return;
    this.playing = true;
    if (this.state.at >= this.result.data.length - 1) this.go(0);
    let last = performance.now();
    let owed = 0;
    this.frames = 0;
    const frame = (now) => {
      if (!this.playing) return;
      // As many places as the time that has gone by asks for; at full speed one for each frame.
      owed = this.state.speed >= 60 ? 1 : Math.min(owed + ((now - last) / 1000) * this.state.speed, 4);
      last = now;
      const places = Math.floor(owed);
      owed -= places;
      this.frames += 1;
      if (places) this.go(this.state.at + places);
      if (this.state.at >= this.result.data.length - 1) this.pause();
      else requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    this.changed();
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.changed();
  }

  key(event) {
    const columns = this.result.columns;
    const moves = {
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns,
      Home: -Infinity, End: Infinity,
    };
    if (event.key === " ") this.playing ? this.pause() : this.play();
    else if (event.key in moves) {
      const at = this.state.at + moves[event.key];
      if (at >= 0 && at < this.result.data.length) this.go(at);
      else if (!Number.isFinite(at)) this.go(at);
    } else return;
    event.preventDefault();
  }

  drag(canvas, action) {
    const move = (event) => {
      if (!(event.buttons & 1) || !this.grid) return;
      const box = canvas.getBoundingClientRect();
      const { size, top, left } = canvas === this.input ? this.grid.input : this.grid.output;
      action((event.clientY - box.top) / size - top, (event.clientX - box.left) / size - left);
    };
    canvas.addEventListener("pointerdown", (event) => {
      this.pause();
      canvas.setPointerCapture(event.pointerId);
      move(event);
    });
    canvas.addEventListener("pointermove", move);
  }

  // The place whose window is centred nearest to a place of the image.
  toWindow(row, column) {
    const { rows, columns } = this.shape;
    const centre = (axis, at) => {
      const reach = (axis.taps - 1) * axis.dilation + 1;
      const n = Math.round((at + axis.before - reach / 2) / axis.stride);
      return Math.min(Math.max(0, n), axis.outputs - 1);
    };
    this.go(centre(rows, row) * columns.outputs + centre(columns, column));
  }

  toElement(row, column) {
    const { rows, columns } = this.result;
    const within = (at, count) => Math.min(Math.max(0, Math.floor(at)), count - 1);
    this.go(within(row, rows) * columns + within(column, columns));
  }

  paint() {
    if (this.closed || !this.shape || !this.input.isConnected) return;
    const { image, result, shape } = this;
    const border = {
      top: shape.rows.before, bottom: shape.rows.after,
      left: shape.columns.before, right: shape.columns.after,
    };
    const across = [image.columns + border.left + border.right, result.columns];
    const down = [image.rows + border.top + border.bottom, result.rows];
    const size = (n, canvas) => {
      const room = Math.max(canvas.parentElement.clientWidth, 80);
      return Math.max(1, Math.min(64, Math.floor((room / across[n]) * 4) / 4, 480 / down[n]));
    };
    const [first, second] = [size(0, this.input), size(1, this.output)];
    this.grid = {
      input: { size: first, top: border.top, left: border.left },
      output: { size: second, top: 0, left: 0 },
    };
    const context = resize(this.input, across[0] * first, down[0] * first);
    context.clearRect(0, 0, across[0] * first, down[0] * first);
    this.paintBorder(context, border, first);
    context.drawImage(this.pictures.image, border.left * first, border.top * first, image.columns * first, image.rows * first);
    numbers(context, image, this.scale, first, border.left, border.top);
    this.paintWindow(context, border, first);
    this.paintOutput(second);
  }

  // Beyond the image: what the boundary's rule puts there, paler than the image.
  paintBorder(context, { top, left }, size) {
    const { image, beyond } = this;
    if (beyond.rows === image.rows && beyond.columns === image.columns) return;
    context.globalAlpha = 0.35;
    context.drawImage(this.pictures.beyond, 0, 0, beyond.columns * size, beyond.rows * size);
    context.globalAlpha = 1;
    numbers(context, beyond, null, size, 0, 0);
    context.clearRect(left * size, top * size, image.columns * size, image.rows * size);
  }

  paintWindow(context, border, size) {
    if (!this.here) return;
    context.lineWidth = Math.max(2, Math.min(4, size / 8));
    context.strokeStyle = colour("--accent");
    for (const cell of this.here.cells) {
      const [x, y] = [(cell.column + border.left) * size, (cell.row + border.top) * size];
      if (size >= 30) {
        context.fillStyle = colour("--accent");
        context.font = `600 ${Math.min(13, size / 3.4)}px system-ui, sans-serif`;
        context.textAlign = "right";
        context.textBaseline = "bottom";
        const text = `×${say(cell.tap, 3)}`;
        const wide = context.measureText(text).width + 4;
        context.fillRect(x + size - wide, y + size - size / 3, wide, size / 3);
        context.fillStyle = colour("--on-accent");
        context.fillText(text, x + size - 2, y + size - 1);
      }
      if (this.shape.rows.dilation > 1 || this.shape.columns.dilation > 1) {
        context.strokeRect(x + 1, y + 1, size - 2, size - 2);
      }
    }
    const [first, last] = [this.here.cells[0], this.here.cells.at(-1)];
    context.strokeRect((first.column + border.left) * size + 1, (first.row + border.top) * size + 1,
      (last.column - first.column + 1) * size - 2, (last.row - first.row + 1) * size - 2);
  }

  paintOutput(size) {
    const { rows, columns } = this.result;
    const context = resize(this.output, Math.max(columns, 1) * size, Math.max(rows, 1) * size);
    context.clearRect(0, 0, columns * size, rows * size);
    context.fillStyle = colour("--empty");
    context.fillRect(0, 0, columns * size, rows * size);
    if (!this.here) return;
    const { i, j } = this.here;
    const shown = this.state.all ? rows * columns : this.state.at + 1;
    const full = Math.floor(shown / columns);
    const rest = shown % columns;
    const paint = (y, high, wide) => high > 0 && wide > 0 && context.drawImage(
      this.pictures.result, 0, y, wide, high, 0, y * size, wide * size, high * size);
    paint(0, full, columns);
    if (rest) paint(full, 1, rest);
    numbers(context, this.result, this.range, size, 0, 0, shown);
    context.lineWidth = Math.max(2, Math.min(4, size / 8));
    context.strokeStyle = colour("--accent");
    context.strokeRect(j * size + 1, i * size + 1, size - 2, size - 2);
  }
}

// Write numbers into cells that are large enough.
function numbers(context, found, scale, size, left, top, count = found.data.length) {
  if (size < 24) return;
  context.font = `${Math.min(18, size / 2.6)}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (let n = 0; n < count; n++) {
    const [i, j] = [Math.floor(n / found.columns), n % found.columns];
    context.fillStyle = scale ? readable(colourOf(found.data[n], scale)) : colour("--text");
    context.fillText(say(found.data[n], 3), (j + left + 0.5) * size, (i + top + 0.42) * size, size - 3);
  }
}

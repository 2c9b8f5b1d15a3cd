// Image and output side by side, with the window on them: it can be dragged, stepped and played.

import { correlate, geometry, padded, plane, windowAt } from "./correlate.js";
import { everyFrame, h, say } from "./dom.js";
import { colour, colourOf, picture, readable, resize, scaleFromZero } from "./draw.js";

const LARGEST_CELL = 120; // page pixels; when presenting as large as the window allows

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
    this.range = scaleFromZero(this.result.data);
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
    const presenting = "presenting" in document.body.dataset;
    const high = presenting ? 0.66 * innerHeight : Math.max(480, 0.55 * innerHeight);
    const size = (n, canvas) => {
      const room = Math.max(canvas.parentElement.clientWidth, 80);
      const largest = presenting ? Infinity : LARGEST_CELL;
      return Math.max(1, Math.min(largest, Math.floor((room / across[n]) * 4) / 4, high / down[n]));
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
        context.font = `600 ${Math.min(Math.max(13, size / 6), size / 3.4)}px system-ui, sans-serif`;
        context.textAlign = "right";
        context.textBaseline = "bottom";
        const text = `×${say(cell.tap, 3)}`;
        const wide = context.measureText(text).width + 4;
        const high = Math.min(size / 3, Math.max(18, size / 4.5));
        context.fillRect(x + size - wide, y + size - high, wide, high);
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
  context.font = `${Math.min(Math.max(18, size / 3.6), size / 2.6)}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (let n = 0; n < count; n++) {
    const [i, j] = [Math.floor(n / found.columns), n % found.columns];
    context.fillStyle = scale ? readable(colourOf(found.data[n], scale)) : colour("--text");
    context.fillText(say(found.data[n], 3), (j + left + 0.5) * size, (i + top + 0.42) * size, size - 3);
  }
}

// Correlation as the lesson writes it, one output at a time: what the page shows must be seen
// being computed. The words and rules are those of kernfit.correlate2d.

export const BOUNDARIES = ["constant", "edge", "reflect", "symmetric", "wrap"];
export const MODES = ["valid", "same", "full"];

// A plane: {rows, columns, data}, row after row.
export function plane(rows, columns, data) {
  return { rows, columns, data: data ?? new Float64Array(rows * columns) };
}

export function usualAnchor(taps) {
  return [(taps.length - 1) >> 1, (taps[0].length - 1) >> 1];
}

// Convolution is correlation with the kernel flipped in both axes; the anchor goes with its tap.
export function flipped(taps, anchor) {
  return {
    taps: taps.map((row) => [...row].reverse()).reverse(),
    anchor: [taps.length - 1 - anchor[0], taps[0].length - 1 - anchor[1]],
  };
}

// Which pixel stands at a position along one axis; -1 where the fill value does.
function sourceOf(position, size, boundary) {
  if (position >= 0 && position < size) return position;
  if (boundary === "constant") return -1;
  if (boundary === "edge") return Math.min(Math.max(position, 0), size - 1);
  const modulo = (n, period) => ((n % period) + period) % period;
  if (boundary === "wrap") return modulo(position, size);
  const ends = boundary === "symmetric" ? 0 : 1;
  const period = Math.max(2 * (size - ends), 1);
  const folded = modulo(position, period);
  return folded < size ? folded : period - folded - (1 - ends);
}

function axis(size, taps, anchor, { mode, padding, stride, dilation }) {
  const reach = (taps - 1) * dilation;
  let before = 0;
  let after = 0;
  if (padding !== null) before = after = padding;
  else if (mode === "full") before = after = reach;
  else if (mode === "same") {
    before = anchor * dilation;
    after = reach - before;
  }
  const room = size + before + after - (reach + 1);
  const outputs = size > 0 && room >= 0 ? Math.floor(room / stride) + 1 : 0;
  return { size, taps, before, after, stride, dilation, outputs };
}

// Everything about a correlation but the numbers.
export function geometry(rows, columns, taps, options = {}) {
  const { mode = "valid", padding = null, stride = 1, dilation = 1 } = options;
  const anchor = options.anchor ?? usualAnchor(taps);
  const common = { mode, padding, stride, dilation };
  return {
    rows: axis(rows, taps.length, anchor[0], common),
    columns: axis(columns, taps[0].length, anchor[1], common),
    boundary: options.boundary ?? "constant",
    fill: options.fill ?? 0,
    bias: options.bias ?? 0,
    taps,
  };
}

// The window of output (i, j): each tap, the place that it lies on, and the product.
export function windowAt(image, shape, i, j) {
  const { rows, columns, boundary, fill, taps } = shape;
  const cells = [];
  let sum = 0;
  for (let a = 0; a < rows.taps; a++) {
    const row = i * rows.stride - rows.before + a * rows.dilation;
    const r = sourceOf(row, rows.size, boundary);
    for (let b = 0; b < columns.taps; b++) {
      const column = j * columns.stride - columns.before + b * columns.dilation;
      const c = sourceOf(column, columns.size, boundary);
      const value = r < 0 || c < 0 ? fill : image.data[r * image.columns + c];
      const product = value * taps[a][b];
      sum += product;
      cells.push({ row, column, value, tap: taps[a][b], product });
    }
  }
  return { cells, sum: sum + shape.bias };
}

// All outputs.
export function correlate(image, taps, options = {}) {
  const shape = geometry(image.rows, image.columns, taps, options);
  const { rows, columns, boundary, fill, bias } = shape;
  const found = plane(rows.outputs, columns.outputs);
  const across = [];
  for (let j = 0; j < columns.outputs; j++) {
    for (let b = 0; b < columns.taps; b++) {
      const position = j * columns.stride - columns.before + b * columns.dilation;
      across.push(sourceOf(position, columns.size, boundary));
    }
  }
  for (let i = 0; i < rows.outputs; i++) {
    for (let a = 0; a < rows.taps; a++) {
      const r = sourceOf(i * rows.stride - rows.before + a * rows.dilation, rows.size, boundary);
      for (let j = 0; j < columns.outputs; j++) {
        let sum = 0;
        for (let b = 0; b < columns.taps; b++) {
          const c = across[j * columns.taps + b];
          sum += (r < 0 || c < 0 ? fill : image.data[r * image.columns + c]) * taps[a][b];
        }
        found.data[i * columns.outputs + j] += sum;
      }
    }
  }
  if (bias) for (let n = 0; n < found.data.length; n++) found.data[n] += bias;
  return found;
}

// The image with what the boundary's rule puts around it.
export function padded(image, { rows, columns, boundary, fill }) {
  const found = plane(image.rows + rows.before + rows.after, image.columns + columns.before + columns.after);
  for (let i = 0, n = 0; i < found.rows; i++) {
    const r = sourceOf(i - rows.before, image.rows, boundary);
    for (let j = 0; j < found.columns; j++, n++) {
      const c = sourceOf(j - columns.before, image.columns, boundary);
      found.data[n] = r < 0 || c < 0 ? fill : image.data[r * image.columns + c];
    }
  }
  return found;
}

// Planes of numbers as pictures.

const POSITIVE = [230, 97, 1]; // orange and blue are told apart by colour-blind readers
const NEGATIVE = [33, 102, 172];

function isDark() {
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

// The colour of a signed number: neutral for zero, on light and on dark pages.
export function signed(share) {
  const full = share > 0 ? POSITIVE : NEGATIVE;
  const neutral = isDark() ? 24 : 255;
  const part = Math.min(1, Math.abs(share));
  return full.map((channel) => Math.round(neutral + part * (channel - neutral)));
}

export function css([red, green, blue]) {
  return `rgb(${red},${green},${blue})`;
}

export function readable([red, green, blue]) {
  return 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? "#111" : "#fff";
}

// How to colour a plane: grey from low to high, or signed if any number is negative.
export function scaleOf(data) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of data) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (!(low <= high)) [low, high] = [0, 1];
  return { low, high, signed: low < 0, reach: Math.max(Math.abs(low), Math.abs(high)) || 1 };
}

// The same for an output that grows: a single positive number is no darkest one.
export function scaleFromZero(data) {
  const scale = scaleOf(data);
  return scale.low > 0 ? { ...scale, low: 0 } : scale;
}

export function colourOf(value, scale) {
  if (!Number.isFinite(value)) return [255, 0, 255];
  if (scale.signed) return signed(value / scale.reach);
  const grey = Math.round(((value - scale.low) / (scale.high - scale.low || 1)) * 255);
  const level = Math.min(255, Math.max(0, grey));
  return [level, level, level];
}

// A canvas with one pixel for each number.
export function picture(plane, scale = scaleOf(plane.data)) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(plane.columns, 1);
  canvas.height = Math.max(plane.rows, 1);
  if (!plane.rows || !plane.columns) return canvas;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(plane.columns, plane.rows);
  fill(pixels.data, plane.data, scale);
  context.putImageData(pixels, 0, 0);
  return canvas;
}

export function fill(out, data, scale) {
  if (!scale.signed) {
    const factor = 255 / (scale.high - scale.low || 1);
    for (let n = 0, o = 0; n < data.length; n++, o += 4) {
      out[o] = out[o + 1] = out[o + 2] = (data[n] - scale.low) * factor;
      out[o + 3] = 255;
    }
    return;
  }
  for (let n = 0, o = 0; n < data.length; n++, o += 4) {
    const colour = colourOf(data[n], scale);
    out[o] = colour[0];
    out[o + 1] = colour[1];
    out[o + 2] = colour[2];
    out[o + 3] = 255;
  }
}

// Give a canvas a size in page pixels, sharp on dense screens; return its context.
export function resize(canvas, width, height) {
  const dense = Math.min(devicePixelRatio || 1, 3);
  const [wide, high] = [Math.round(width * dense), Math.round(height * dense)];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(dense, 0, 0, dense, 0, 0);
  context.imageSmoothingEnabled = false;
  return context;
}

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// A table of numbers whose colours show sign and size; errors below each if given.
export function tapsTable(taps, { errors = null, caption = "", text = String } = {}) {
  const largest = Math.max(...taps.flat().map((tap) => Math.abs(tap) || 0)) || 1;
  const table = document.createElement("table");
  table.className = "taps";
  if (caption) table.createCaption().textContent = caption;
  taps.forEach((row, a) => {
    const line = table.insertRow();
    row.forEach((tap, b) => {
      const cell = line.insertCell();
      cell.textContent = text(tap);
      const paint = Number.isFinite(tap) ? signed((0.85 * tap) / largest) : [128, 128, 128];
      cell.style.backgroundColor = css(paint);
      cell.style.color = readable(paint);
      if (errors) {
        const error = errors[a][b];
        const small = document.createElement("small");
        small.textContent = error === null ? "not determined" : `± ${Number(error.toPrecision(2))}`;
        cell.append(small);
      }
    });
  });
  return table;
}

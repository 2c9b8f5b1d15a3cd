// See: layers of a network, and what part of the image stands behind one of their elements.

import * as api from "./api.js";
import { button, checkbox, h, labelled, numberInput, oneAtATime, select } from "./dom.js";
import { colour, picture, resize } from "./draw.js";
import { reduced } from "./shelf.js";

const conv = (size, stride = 1, padding = 0, dilation = 1) => ({ size, stride, padding, dilation });
const PRESETS = {
  "3×3 layers and pooling": [conv(3, 1, 1), conv(3, 1, 1), conv(2, 2), conv(3, 1, 1), conv(3, 1, 1), conv(2, 2)],
  "the lesson: two 2×2 layers": [conv(2), conv(2)],
  "three 3×3 layers see as much as one 7×7": [conv(3), conv(3), conv(3)],
  "strides grow the window faster": [conv(3, 2, 1), conv(3, 2, 1), conv(3, 2, 1), conv(3, 2, 1)],
  "dilation doubles from layer to layer": [conv(3, 1, 1, 1), conv(3, 1, 2, 2), conv(3, 1, 4, 4), conv(3, 1, 8, 8)],
  "down and up again": [conv(3, 1, 1), conv(2, 2), conv(3, 1, 1), { ...conv(2, 2), transposed: true }, conv(3, 1, 1)],
};
export const DEFAULTS = {
  image: "portrait", layers: Object.values(PRESETS)[0], model: "", modelName: "", layer: "", element: [],
  tile: 256, tiles: false, zoom: true,
};
const MOST_PANELS = 24;
const MOST_LAYERS = 40;

export function start(root, lab) {
  const { state, save } = lab;
  if (!valid(state.layers)) state.layers = DEFAULTS.layers;
  let item = null;
  let image = null;
  let found = null;
  let closed = false;
  let lit = Infinity; // how many layers are lit up, from the element back
  let timer = 0;

  const rows = h("tbody");
  const presets = select([["", "own layers"], ...Object.keys(PRESETS).map((name) => [name, name])], "", (name) => {
    if (!PRESETS[name]) return;
    state.layers = structuredClone(PRESETS[name]);
    edited();
  });
  const editor = h("fieldset", {}, h("legend", {}, "Layers"),
    labelled("Begin with", presets),
    h("div", { class: "scroll" }, h("table", { class: "layers" },
      h("thead", {}, h("tr", {}, ["", "size", "stride", "padding", "dilation", "up", ""].map((name) => h("th", { scope: "col" }, name)))), rows)),
    button("Add a layer", () => {
      if (state.layers.length < MOST_LAYERS) state.layers = [...state.layers, conv(3, 1, 1)];
      edited();
    }));
  const file = h("input", {
    type: "file", accept: ".onnx", class: "hidden", id: "model", "aria-label": "Open an ONNX file",
    onchange: () => open(file.files[0]).then(() => { file.value = ""; }),
  });
  const back = button("Back to layers", () => {
    state.model = "";
    edited();
  });
  const named = h("p", { class: "hint", id: "model-name" });
  const window_ = h("p", { id: "window", role: "status", class: "sum" });
  const panels = h("div", { class: "panels" });
  const table = h("tbody", { id: "nodes" });
  const plan = h("pre", { id: "plan" });
  const play = button("Play layer by layer", () => light(), { class: "primary" });
  const tile = numberInput(state.tile, (value) => {
    state.tile = Math.floor(value);
    ask();
  }, { min: 1, max: 2 ** 16, step: 1 });

  root.append(
    h("h2", {}, "See"),
    h("p", { class: "lead" }, "Each element of a layer's output looks at a part of the image, its receptive field. Click an element of any layer, or use the arrow keys on it."),
    h("div", { class: "bench see" },
      h("div", { class: "stage" }, h("div", { class: "row" }, play, checkbox("Close up", state.zoom, (on) => { state.zoom = on; save(); draw(); })), window_, panels,
        h("div", { class: "scroll" }, h("table", { class: "nodes" },
          h("thead", {}, h("tr", {}, ["layer", "operation", "output", "sees", "stride", "padding", ""].map((name) => h("th", { scope: "col" }, name)))), table))),
      h("div", { class: "controls" }, editor,
        h("fieldset", {}, h("legend", {}, "A network from a file"), named,
          h("div", { class: "row" }, button("Open ONNX file", () => file.click(), { title: "or drop it anywhere" }), back, file)),
        h("fieldset", {}, h("legend", {}, "Tiles that equal the whole"),
          labelled("Largest tile", tile, "pixels a side, halo included"), plan,
          checkbox("Draw the tiles", state.tiles, (on) => { state.tiles = on; save(); draw(); })))));

  function edited() {
    state.layer = "";
    state.element = [];
    fill();
    ask();
  }

  function fill() {
    const cell = (layer, name, low) => h("td", {}, numberInput(layer[name] ?? low, (value) => {
      layer[name] = Math.floor(value);
      state.element = [];
      ask();
    }, { min: low, max: 1024, step: 1, name: `${name} of layer ${state.layers.indexOf(layer) + 1}` }));
    rows.replaceChildren(...state.layers.map((layer, n) => {
      const up = h("input", { type: "checkbox", "aria-label": `layer ${n + 1} is transposed: it scales up`, onchange: () => {
        layer.transposed = up.checked;
        state.element = [];
        ask();
      } });
      up.checked = Boolean(layer.transposed);
      return h("tr", {}, h("th", { scope: "row" }, String(n + 1)), cell(layer, "size", 1), cell(layer, "stride", 1),
        cell(layer, "padding", 0), cell(layer, "dilation", 1), h("td", {}, up),
        h("td", {}, button("×", () => {
          state.layers = state.layers.filter((other) => other !== layer);
          edited();
        }, { "aria-label": `Remove layer ${n + 1}` })));
    }));
    const text = JSON.stringify(state.layers);
    presets.value = Object.keys(PRESETS).find((name) => JSON.stringify(PRESETS[name]) === text) ?? "";
    editor.hidden = Boolean(state.model);
    back.hidden = !state.model;
    named.textContent = state.model ? `${state.modelName} is shown.` : "Nothing is run: the graph of its layers says all.";
  }

  async function open(model) {
    if (!model) return;
    try {
      const { id, name } = await api.upload("api/models", model);
      Object.assign(state, { model: id, modelName: name, layer: "", element: [] });
      fill();
      ask();
    } catch (error) {
      lab.announce(error.message);
    }
  }

  const ask = oneAtATime(async () => {
    save();
    try {
      const answer = await api.see({
        shape: [item.rows, item.columns], tile: state.tile,
        ...(state.model ? { model: state.model } : { layers: state.layers }),
        ...(state.layer ? { layer: state.layer } : {}),
        ...(state.element.length === 2 ? { element: state.element } : {}),
      });
      if (closed) return;
      found = answer;
      [state.layer, state.element] = [answer.layer, answer.element];
      save();
      show();
    } catch (error) {
      if (closed) return;
      found = null;
      window_.textContent = error.message;
      for (const part of [panels, table, plan]) part.replaceChildren();
    }
  });

  // The nodes worth a picture: where the size or the window changes, and the one looked at.
  function shown() {
    const behind = found.nodes.filter((node) => node.behind);
    const byName = new Map(found.nodes.map((node) => [node.layer, node]));
    const steps = behind.filter((node) => node.inputs.length === 0 || node.layer === found.layer
      || node.inputs.some((name) => JSON.stringify([byName.get(name).behind, byName.get(name).lengths]) !== JSON.stringify([node.behind, node.lengths])));
    if (steps.length <= MOST_PANELS) return steps;
    const every = (steps.length - 1) / (MOST_PANELS - 1);
    return Array.from({ length: MOST_PANELS }, (_, n) => steps[Math.round(n * every)]);
  }

  function show() {
    const target = found.nodes.find((node) => node.layer === found.layer);
    const source = found.nodes[0].behind;
    const [row, column] = found.element;
    const part = source
      ? `looks at rows ${source[0][0]} to ${source[0][1] - 1} and columns ${source[1][0]} to ${source[1][1] - 1} of the image: ${source[0][1] - source[0][0]} × ${source[1][1] - source[1][0]} pixels${beyond(source)}.`
      : "depends on no pixel of the image.";
    window_.textContent = `Row ${row}, column ${column} of ${found.layer} (${target.lengths.join(" × ")}) ${part}`;
    const nodes = shown();
    panels.replaceChildren(...nodes.map((node) => panel(node)));
    // What the model gives comes last and is looked at first: stay where the user was.
    table.replaceChildren(...found.nodes.map((node) => h("tr", { class: node.layer === found.layer ? "here" : "" },
      h("th", { scope: "row" }, button(node.layer, () => choose(node.layer), { "aria-pressed": String(node.layer === found.layer) })),
      h("td", {}, node.op), h("td", {}, node.lengths.join(" × ")),
      h("td", {}, node.size.map((n) => n ?? "all").join(" × ")), h("td", {}, node.stride.map((n) => n ?? "–").join(" × ")),
      h("td", {}, node.padding.map((n) => n ?? "–").join(", ")),
      h("td", {}, node.whole.find((reason) => reason) || (node.aligned.every((one) => one) ? "" : "paths are not aligned")))));
    plan.textContent = found.plan.text ?? found.plan.refused;
    draw();
  }

  function beyond([[top, bottom], [left, right]]) {
    const out = top < 0 || left < 0 || bottom > item.rows || right > item.columns;
    return out ? ", partly beyond it" : "";
  }

  function choose(layer, element = []) {
    state.layer = layer;
    state.element = element;
    lit = Infinity;
    ask();
  }

  function panel(node) {
    const canvas = h("canvas", {
      tabindex: 0, role: "img", class: "plane",
      "aria-label": `${node.layer}, ${node.lengths[0]} by ${node.lengths[1]}; arrow keys choose an element`,
      onclick: (event) => {
        const { scale, top, left } = canvas.grid;
        const box = canvas.getBoundingClientRect();
        const place = [(event.clientY - box.top) / scale + top, (event.clientX - box.left) / scale + left];
        choose(node.layer, place.map((at, n) => Math.min(Math.max(0, Math.floor(at)), node.lengths[n] - 1)));
      },
      onkeydown: (event) => {
        const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
        if (!move) return;
        event.preventDefault();
        const from = node.layer === found.layer ? found.element : node.lengths.map((n) => n >> 1);
        choose(node.layer, from.map((at, n) => Math.min(Math.max(0, at + move[n]), node.lengths[n] - 1)));
        focus = node.layer;
      },
    });
    const caption = `${node.layer}${node.op === "layer" || node.op === "image" ? "" : ` (${node.op})`}, ${node.lengths.join(" × ")}`;
    const figure = h("figure", { class: node.inputs.length === 0 ? "source" : "" }, h("figcaption", {}, caption), canvas);
    figure.node = node;
    return figure;
  }

  let focus = null;
  function draw() {
    if (!found || !image) return;
    const figures = [...panels.children];
    figures.forEach((figure, n) => {
      const steps = figures.length - 1 - n; // from the element back to the image
      paint(figure.querySelector("canvas"), figure.node, steps <= lit, figure.clientWidth);
      if (figure.node.layer === focus) figure.querySelector("canvas").focus();
    });
    focus = null;
  }

  // Which elements of a node are shown: all of them and what the window needs beyond, or, close
  // up, what lies around the window; the same part of the image in every panel.
  function region(node) {
    const source = found.nodes[0];
    return node.behind.map(([first, stop], axis) => {
      const length = node.lengths[axis];
      const most = length * 0.5;
      const from = Math.max(Math.min(0, first), -most);
      const to = Math.min(Math.max(length, stop), length + most);
      if (!state.zoom || !source.behind) return [from, to];
      const [start, end] = source.behind[axis];
      const around = Math.max(2.5 * Math.max(...source.behind.map(([a, b]) => b - a)), 24);
      if (around >= source.lengths[axis]) return [from, to];
      const half = Math.max((around * length) / source.lengths[axis], 3, (stop - first) * 1.2) / 2;
      const middle = node.inputs.length ? (first + stop) / 2 : (start + end) / 2;
      return [middle - half, middle + half];
    });
  }

  function paint(canvas, node, isLit, room) {
    const [height, width] = node.lengths;
    const [[first, last], [start, end]] = region(node);
    const scale = Math.min(room / (end - start), 420 / (last - first), 48);
    canvas.grid = { scale, top: first, left: start };
    const context = resize(canvas, (end - start) * scale, (last - first) * scale);
    context.fillStyle = colour("--empty");
    context.fillRect(0, 0, 9999, 9999);
    context.imageSmoothingEnabled = width * scale < image.width;
    context.save();
    context.translate(-start * scale, -first * scale);
    context.drawImage(sampled(height, width), 0, 0, width * scale, height * scale);
    if (scale >= 8) {
      context.strokeStyle = colour("--line");
      context.lineWidth = 1;
      context.beginPath();
      for (let i = Math.max(0, Math.floor(first)); i <= Math.min(height, last + 1); i++) {
        context.moveTo(0, i * scale);
        context.lineTo(width * scale, i * scale);
      }
      for (let j = Math.max(0, Math.floor(start)); j <= Math.min(width, end + 1); j++) {
        context.moveTo(j * scale, 0);
        context.lineTo(j * scale, height * scale);
      }
      context.stroke();
    }
    if (node.inputs.length === 0 && state.tiles && found.plan.rows) paintTiles(context, scale);
    if (isLit) {
      const [[top, bottom], [left, right]] = node.behind;
      const box = [left * scale, top * scale, (right - left) * scale, (bottom - top) * scale];
      context.fillStyle = "rgba(230, 97, 1, .38)";
      context.fillRect(...box);
      context.strokeStyle = colour("--mark");
      context.lineWidth = 2;
      context.strokeRect(box[0] + 1, box[1] + 1, Math.max(box[2] - 2, 3), Math.max(box[3] - 2, 3));
    }
    context.restore();
  }

  // A layer of so many elements as a small picture: where in the image they are.
  function sampled(height, width) {
    if (height >= image.height && width >= image.width) return image;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [Math.max(width, 1), Math.max(height, 1)];
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas;
  }

  function paintTiles(context, scale) {
    context.strokeStyle = colour("--accent");
    context.lineWidth = 1;
    for (const [top, bottom] of found.plan.rows) {
      for (const [left, right] of found.plan.columns) {
        context.strokeRect(left * scale + 0.5, top * scale + 0.5, (right - left) * scale - 1, (bottom - top) * scale - 1);
      }
    }
  }

  // From the element back to the image, one layer after the other.
  function light() {
    clearInterval(timer);
    lit = 0;
    draw();
    timer = setInterval(() => {
      lit += 1;
      draw();
      if (lit >= panels.children.length) clearInterval(timer);
    }, 450);
  }

  async function load() {
    item = lab.shelf.find(state.image) ?? lab.shelf.find(DEFAULTS.image);
    state.image = item.id;
    const mine = item;
    try {
      const plane = reduced(await api.grey(mine), 1200);
      if (closed || mine !== item) return;
      image = picture(plane);
      ask();
    } catch (error) {
      lab.announce(error.message);
    }
  }

  const watch = new ResizeObserver(() => draw());
  watch.observe(panels);
  fill();
  load();
  const slots = [{ name: "image", get: () => state.image, set: (id) => {
    state.image = id;
    state.element = [];
    load();
  } }];
  slots.onmodel = open;
  return {
    slots,
    stop: () => {
      closed = true;
      clearInterval(timer);
      watch.disconnect();
    },
  };
}

function valid(layers) {
  return Array.isArray(layers) && layers.length <= MOST_LAYERS
    && layers.every((layer) => layer && Number.isInteger(layer.size) && layer.size > 0);
}

// The image shelf: pick an image for a bench, add own ones by button or by dropping them.

import * as api from "./api.js";
import { button, h } from "./dom.js";
import { picture } from "./draw.js";

const SIDE = 56;

export class Shelf {
  constructor(root, items, announce) {
    this.root = root;
    this.items = items.filter((item) => !item.model);
    this.announce = announce;
    this.slots = [];
    this.next = 0;
    this.list = h("ul", { class: "images" });
    this.file = h("input", {
      type: "file", multiple: true, class: "hidden", id: "file",
      accept: "image/*,.tif,.tiff,.npy,.pgm,.ppm,.pnm", "aria-label": "Add images",
      onchange: () => this.add([...this.file.files]).then(() => { this.file.value = ""; }),
    });
    this.bar = h("progress", { max: 1, value: 0, hidden: true, "aria-label": "Upload" });
    this.cancel = button("Cancel", () => this.stop?.abort(), { hidden: true });
    root.append(this.list, this.file,
      h("div", { class: "add" },
        button("Add image", () => this.file.click(), { title: "or drop files anywhere" }),
        this.bar, this.cancel));
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      const files = [...event.dataTransfer.files];
      if (files.length === 0) return;
      const models = files.filter((file) => file.name.toLowerCase().endsWith(".onnx"));
      if (models.length) this.onmodel?.(models[0]);
      else this.add(files);
    });
  }

  find(id) {
    return this.items.find((item) => item.id === id);
  }

  // The places that the open bench has for images: [{name, get, set}].
  use(slots, onmodel = null) {
    const same = slots.length === this.slots.length && slots.every((slot, n) => slot.name === this.slots[n].name);
    if (!same) this.next = 0;
    this.slots = slots;
    this.onmodel = onmodel ?? slots.onmodel ?? null;
    this.show();
  }

  // The next image goes to the slot of that number.
  expect(slot) {
    this.next = slot;
    this.show();
  }

  show() {
    this.list.replaceChildren(...this.items.map((item) => this.card(item)));
  }

  card(item) {
    const thumb = h("canvas", { width: SIDE, height: SIDE, "aria-hidden": "true" });
    thumbnail(item, thumb);
    const used = this.slots.filter((slot) => slot.get() === item.id);
    const pick = h("button", {
      type: "button",
      class: "pick",
      "aria-pressed": String(used.length > 0),
      "aria-label": `${item.name}, ${item.rows} by ${item.columns}`,
      title: [`${item.name}, ${item.rows}×${item.columns}, ${item.dtype}`, ...item.notes].join("\n"),
      onclick: () => this.pick(item),
    }, thumb, h("span", {}, item.name),
    used.length && this.slots.length > 1 ? h("b", {}, used.map((slot) => slot.name).join(", ")) : null);
    const remove = item.own
      ? button("×", () => this.remove(item), { class: "remove", "aria-label": `Remove ${item.name}` })
      : null;
    return h("li", {}, pick, remove);
  }

  pick(item) {
    if (this.slots.length === 0) return;
    const slot = this.slots[this.next % this.slots.length];
    this.next += 1;
    slot.set(item.id);
    this.show();
  }

  async remove(item) {
    try {
      await api.removeImage(item.id);
    } catch {
      // It has gone already, which is what was wanted.
    }
    this.items = this.items.filter((other) => other !== item);
    this.show();
  }

  // Send files to the server, one after the other; each becomes the image of the next slot.
  async add(files) {
    this.stop = new AbortController();
    this.bar.hidden = this.cancel.hidden = false;
    if (files.length > 1) {
      this.next = 0;
      this.slots.onpair?.(); // two at a time are before and after
    }
    const added = [];
    try {
      for (const file of files) {
        this.announce(`Reading ${file.name}`);
        const item = await api.upload("api/images", file, {
          signal: this.stop.signal,
          progress: (share) => { this.bar.value = share; },
        });
        if (!this.find(item.id)) this.items.push(item);
        added.push(item);
        this.announce([`${item.name} is on the shelf.`, ...item.notes].join(" "));
        if (files.length > 1 || !this.slots.onadded?.(item.id)) this.pick(this.find(item.id));
      }
    } catch (error) {
      this.announce(error.name === "AbortError" ? "Cancelled." : error.message);
    } finally {
      this.bar.hidden = this.cancel.hidden = true;
      this.bar.value = 0;
    }
    return added;
  }
}

async function thumbnail(item, canvas) {
  try {
    const plane = await api.grey(item);
    const small = picture(reduced(plane, 2 * SIDE), {
      low: item.levels ? item.levels[0] : item.low,
      high: item.levels ? Math.min(item.levels[1], Math.max(item.high, 1)) : item.high,
    });
    const context = canvas.getContext("2d");
    const size = Math.max(small.width, small.height);
    const [wide, high] = [(small.width / size) * SIDE, (small.height / size) * SIDE];
    context.imageSmoothingEnabled = small.width > SIDE;
    context.drawImage(small, (SIDE - wide) / 2, (SIDE - high) / 2, wide, high);
  } catch {
    // A card without a picture still has its name.
  }
}

// Every n-th pixel, so that no more than `side` are left.
export function reduced(plane, side) {
  const every = Math.max(1, Math.ceil(Math.max(plane.rows, plane.columns) / side));
  const rows = Math.ceil(plane.rows / every);
  const columns = Math.ceil(plane.columns / every);
  const data = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      data[i * columns + j] = plane.data[i * every * plane.columns + j * every];
    }
  }
  return { rows, columns, data };
}

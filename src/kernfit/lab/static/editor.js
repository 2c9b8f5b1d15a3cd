// A kernel that can be edited: its taps as a table of inputs, its size, and named ones to begin with.

import { button, h, labelled, select } from "./dom.js";

const MOST = 15;

export class KernelEditor {
  // taps: rows of numbers; change(taps, name) is called after every edit.
  constructor({ taps, kernels, change, title = "Kernel", named = true, cell = "tap" }) {
    this.cell = cell;
    this.taps = taps.map((row) => [...row]);
    this.change = change;
    this.kernels = kernels;
    this.table = h("table", { class: "editor", "aria-label": title });
    const groups = new Map();
    for (const kernel of kernels) {
      if (kernel.taps.length > MOST || kernel.taps[0].length > MOST) continue;
      if (!groups.has(kernel.group)) groups.set(kernel.group, h("optgroup", { label: kernel.group }));
      groups.get(kernel.group).append(h("option", { value: kernel.name }, kernel.name));
    }
    this.names = select([["", "own numbers"]], "", (name) => this.choose(name));
    this.names.append(...groups.values());
    this.about = h("small", { class: "about" });
    const step = (text, what, down, right) => {
      const name = cell === "tap" ? what : `${what} of ${cell}s`;
      return button(text, () => this.grow(down, right), { "aria-label": name, title: name, class: "step" });
    };
    this.root = h("fieldset", { class: "kernel" }, h("legend", {}, title),
      named ? labelled("Named kernel", this.names) : null,
      this.table,
      h("div", { class: "steps" },
        h("span", {}, "Rows"), step("−", "one row less", -1, 0), step("+", "one row more", 1, 0),
        h("span", {}, "Columns"), step("−", "one column less", 0, -1),
        step("+", "one column more", 0, 1)),
      this.about);
    this.show();
  }

  set(taps, name = "") {
    this.taps = taps.map((row) => [...row]);
    this.show(name);
  }

  choose(name) {
    const kernel = this.kernels.find((one) => one.name === name);
    if (!kernel) return;
    this.taps = kernel.taps.map((row) => [...row]);
    this.show(name);
    this.change(this.taps, kernel);
  }

  grow(down, right) {
    const rows = Math.min(MOST, Math.max(1, this.taps.length + down));
    const columns = Math.min(MOST, Math.max(1, this.taps[0].length + right));
    this.taps = Array.from({ length: rows }, (_, a) =>
      Array.from({ length: columns }, (_, b) => this.taps[a]?.[b] ?? 0));
    this.show();
    this.change(this.taps, null);
  }

  // Show the taps; the name is looked for if none is given.
  show(name = null) {
    const text = JSON.stringify(this.taps);
    const same = this.kernels.find((one) =>
      (name ? one.name === name : true) && JSON.stringify(one.taps) === text);
    this.names.value = same?.name ?? "";
    this.about.textContent = same?.summary ?? "";
    const wide = this.taps[0].length > 5;
    this.table.classList.toggle("wide", wide);
    this.table.replaceChildren(...this.taps.map((row, a) => h("tr", {}, row.map((tap, b) => {
      const input = h("input", {
        type: "text", inputmode: "decimal", size: 4, value: String(Number(tap.toPrecision(6))),
        title: String(tap),
        "aria-label": `${this.cell}, row ${a + 1}, column ${b + 1}`,
        oninput: () => {
          const value = read(input.value);
          input.setAttribute("aria-invalid", String(value === null));
          if (value === null) return;
          this.taps[a][b] = value;
          this.names.value = "";
          this.about.textContent = "";
          this.change(this.taps, null);
        },
      });
      return h("td", {}, input);
    }))));
  }
}

// A number, also as a fraction such as 1/9 and with a comma.
export function read(text) {
  const parts = text.trim().replace("−", "-").replace(",", ".").split("/");
  if (parts.length > 2 || parts.some((part) => part.trim() === "")) return null;
  const value = parts.length === 2 ? Number(parts[0]) / Number(parts[1]) : Number(parts[0]);
  return Number.isFinite(value) ? value : null;
}

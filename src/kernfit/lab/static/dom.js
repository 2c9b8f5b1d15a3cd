// Little helpers to build the page.

// An element with properties, and children that are elements or text.
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

let ids = 0;

// A control with its label before it.
export function labelled(text, control, hint) {
  control.id ||= `control-${++ids}`;
  return h("div", { class: "field" }, h("label", { for: control.id }, text), control,
    hint ? h("small", {}, hint) : null);
}

export function select(options, value, onchange) {
  const element = h("select", { onchange: () => onchange(element.value) });
  for (const option of options) {
    const [key, text] = Array.isArray(option) ? option : [option, option];
    element.append(h("option", { value: key, selected: String(key) === String(value) }, text));
  }
  element.value = value;
  return element;
}

export function numberInput(value, onchange, { min, max, step = "any", name } = {}) {
  const element = h("input", {
    type: "number", value, min, max, step, "aria-label": name,
    oninput: () => {
      const given = element.valueAsNumber;
      const low = min === undefined || given >= min;
      const high = max === undefined || given <= max;
      const fits = Number.isFinite(given) && low && high;
      element.setAttribute("aria-invalid", String(!fits));
      if (fits) onchange(given);
    },
  });
  element.value = value;
  return element;
}

export function slider(value, onchange, { min, max, step = 1, text = String, name } = {}) {
  const shown = h("output", {}, text(value));
  const input = h("input", {
    type: "range", min, max, step, value, "aria-label": name, "aria-valuetext": text(value),
    oninput: () => {
      shown.textContent = text(input.valueAsNumber);
      input.setAttribute("aria-valuetext", shown.textContent);
      onchange(input.valueAsNumber);
    },
  });
  input.value = value;
  const row = h("div", { class: "slider" }, input, shown);
  row.input = input;
  row.set = (next) => {
    input.value = next;
    shown.textContent = text(next);
    input.setAttribute("aria-valuetext", shown.textContent);
  };
  return row;
}

// A slider with a visible label that names it.
export function labelledSlider(text, row, hint) {
  row.input.id ||= `control-${++ids}`;
  return h("div", { class: "field" }, h("label", { for: row.input.id }, text), row,
    hint ? h("small", {}, hint) : null);
}

export function checkbox(text, value, onchange) {
  const input = h("input", { type: "checkbox", onchange: () => onchange(input.checked) });
  input.checked = value;
  const label = h("label", { class: "check" }, input, " ", text);
  label.input = input;
  return label;
}

export function button(text, onclick, properties = {}) {
  return h("button", { type: "button", onclick, ...properties }, text);
}

// A number as people write it: short, exact where it is whole.
export function say(number, digits = 5) {
  if (number === null || number === undefined || Number.isNaN(number)) return "?";
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  if (Number.isInteger(number) && Math.abs(number) < 1e9) return minus(String(number));
  const short = Number(number.toPrecision(digits));
  const size = Math.abs(short);
  const text = size !== 0 && (size < 1e-4 || size >= 1e9) ? short.toExponential() : String(short);
  return minus(text);
}

function minus(text) {
  return text.replace(/^-/, "−");
}

export function announce(text) {
  document.getElementById("status").textContent = text;
}

// Run at most once for each frame, with the latest wish.
export function everyFrame(action) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      action();
    });
  };
}

// Run one at a time; of the wishes that come meanwhile only the last one counts.
export function oneAtATime(action) {
  let busy = false;
  let again = false;
  return async function run() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      await action();
    } finally {
      busy = false;
      if (again) {
        again = false;
        run();
      }
    }
  };
}

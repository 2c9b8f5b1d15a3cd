// What the page shows is written in the address, behind the #, so that a link restores it:
// #bench?name=value. Only what differs from a bench's defaults is written.

export function parse(fragment) {
  const text = fragment.replace(/^#/, "");
  const cut = text.indexOf("?");
  const bench = cut < 0 ? text : text.slice(0, cut);
  return { bench, values: new URLSearchParams(cut < 0 ? "" : text.slice(cut + 1)) };
}

// The values of the defaults' kinds; what does not fit is left at its default.
export function read(values, defaults) {
  const found = structuredClone(defaults);
  for (const [name, usual] of Object.entries(defaults)) {
    const given = values.get(name);
    if (given === null) continue;
    if (typeof usual === "string") found[name] = given;
    else {
      try {
        const value = JSON.parse(given);
        const alike = Array.isArray(usual)
          ? Array.isArray(value)
          : usual === null || typeof value === typeof usual;
        if (alike) found[name] = value;
      } catch {
        // A damaged link: the default will do.
      }
    }
  }
  return found;
}

export function write(bench, state, defaults) {
  const values = new URLSearchParams();
  for (const [name, usual] of Object.entries(defaults)) {
    const value = state[name];
    const text = typeof usual === "string" ? value : JSON.stringify(value);
    if (text !== (typeof usual === "string" ? usual : JSON.stringify(usual))) values.set(name, text);
  }
  const query = values.toString();
  return `#${bench}${query ? `?${query}` : ""}`;
}

// A table of numbers: rows of equal length, no more than so many a side.
export function isTaps(value, most = 63) {
  return Array.isArray(value) && value.length > 0 && value.length <= most
    && value.every((row) => Array.isArray(row) && row.length === value[0].length
      && row.length > 0 && row.length <= most && row.every(Number.isFinite));
}

// A whole number between two others, or the usual one: links may be damaged.
export function wholeOr(value, low, high, usual) {
  return Number.isInteger(value) && value >= low && value <= high ? value : usual;
}

// One of the words that are known, or the usual one.
export function wordOr(value, words, usual) {
  return words.includes(value) ? value : usual;
}

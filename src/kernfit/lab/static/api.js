// All requests of the page; they go to the server that gave it, below the token.

const images = new Map();

async function failure(response) {
  let reason = `the server answered ${response.status}`;
  try {
    reason = (await response.json()).error ?? reason;
  } catch {
    // Not our JSON: the status must do.
  }
  return new Error(reason);
}

async function ask(path, options) {
  const response = await fetch(path, options);
  if (!response.ok) throw await failure(response);
  return response;
}

function post(path, content, signal) {
  return ask(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(content),
    signal,
  });
}

export const catalogue = async () => (await ask("api/catalogue")).json();
export const shelf = async () => (await ask("api/images")).json();
export const removeImage = (id) => ask(`api/images/${encodeURIComponent(id)}`, { method: "DELETE" });

// Send a file, telling the share that has gone out; fetch cannot tell.
export function upload(path, file, { progress = () => {}, signal } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${path}?name=${encodeURIComponent(file.name)}`);
    request.responseType = "json";
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.onprogress = (event) => progress(event.loaded / (event.total || 1));
    request.onload = () => (request.status === 201
      ? resolve(request.response)
      : reject(new Error(request.response?.error ?? `the server answered ${request.status}`)));
    request.onerror = () => reject(new Error("the server did not answer: is kernfit lab running?"));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

// An image in grey, as a plane of numbers in its own unit.
export function grey(about) {
  if (!images.has(about.id)) {
    const found = ask(`api/images/${encodeURIComponent(about.id)}/grey`)
      .then((response) => response.arrayBuffer())
      .then((bytes) => {
        const kinds = { uint8: Uint8Array, int8: Int8Array, uint16: Uint16Array, int16: Int16Array };
        const Kind = kinds[about.dtype] ?? Float64Array;
        return { rows: about.rows, columns: about.columns, data: new Kind(bytes) };
      });
    found.catch(() => images.delete(about.id));
    if (images.size > 8) images.delete(images.keys().next().value);
    images.set(about.id, found);
  }
  return images.get(about.id);
}

export async function edges(content, signal) {
  const response = await post("api/edges", content, signal);
  const about = JSON.parse(response.headers.get("kernfit-result"));
  const bytes = new Uint8Array(await response.arrayBuffer());
  const size = about.rows * about.columns;
  const planes = Array.from({ length: about.planes }, (_, n) => bytes.subarray(n * size, (n + 1) * size));
  return { ...about, planes };
}

// Learn, telling what is being done.
export async function learn(content, { progress = () => {}, signal } = {}) {
  const response = await post("api/learn", content, signal);
  let rest = "";
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    rest += decoder.decode(value ?? new Uint8Array(), { stream: !done });
    const lines = rest.split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const message = JSON.parse(line);
      if (message.progress) progress(message.progress);
      if (message.error) throw new Error(message.error);
      if (message.result) return message.result;
    }
    if (done) throw new Error("the answer was cut short: try again");
  }
}

export const see = async (content, signal) => (await post("api/see", content, signal)).json();

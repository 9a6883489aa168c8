// What this user arranged, kept by the server; in this browser where the server keeps nothing for this user.
import { get, outcome, part, put } from "./api.js";
import { remember, remembered } from "./prefs.js";

const WAIT_MS = 400; // a change is kept once nothing has changed for this long
const AGAIN_MS = 2000; // when a server is asked again that cannot answer

const waiting = new Map(); // name -> the timer and the document that waits to be kept

// Whether the server may answer later: a document that it has must not be taken for an empty one, nor be replaced by it.
const later = ({ status }) => status === 0 || status >= 500;

// Resolves to the document of this name once the server answers; to an empty one where there is none.
export async function recall(name) {
  for (;;) {
    if (waiting.has(name)) return waiting.get(name).document; // it may be sent after the answer was made, and before it arrives
    const { value, error } = await outcome(get(`/desk/${part(name)}`, { unattended: true }));
    if (waiting.has(name)) return waiting.get(name).document;
    if (value) return value;
    if (!later(error)) return remembered(`desk.${name}`, {});
    await new Promise((done) => setTimeout(done, AGAIN_MS));
  }
}

// Keeps a document, soon.
export function keep(name, document, wait = WAIT_MS) {
  clearTimeout(waiting.get(name)?.timer);
  waiting.set(name, { document, timer: setTimeout(() => send(name), wait) });
}

async function send(name, keepalive = false) {
  const { document } = waiting.get(name);
  const { error } = await outcome(put(`/desk/${part(name)}`, document, { keepalive }));
  if (waiting.get(name)?.document !== document) return; // it has changed since
  if (error && later(error)) keep(name, document, AGAIN_MS);
  else waiting.delete(name);
  if (error) remember(`desk.${name}`, document);
}

addEventListener("pagehide", () => [...waiting.keys()].forEach((name) => send(name, true)));

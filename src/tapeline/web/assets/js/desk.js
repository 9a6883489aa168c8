// What this user arranged, kept by the server; in this browser where the server keeps nothing for this user.
import { get, later, outcome, part, put, putAtTheEnd } from "./api.js";
import { remember, remembered } from "./prefs.js";

const WAIT_MS = 400; // a change is kept once nothing has changed for this long
const AGAIN_MS = 2000; // when a server is asked again that cannot answer

const waiting = new Map(); // name -> the timer and the document that waits to be kept
let changes = 0; // how many documents were kept

// Resolves to the document of this name once the server answers; to an empty one where there is none. One that the server has
// must not be taken for an empty one, nor be replaced by it.
export async function recall(name) {
  for (;;) {
    if (waiting.has(name)) return waiting.get(name).document; // it may be sent after the answer was made, and before it arrives
    const before = changes;
    const { value, error } = await outcome(get(`/desk/${part(name)}`, { unattended: true }));
    if (changes !== before) continue; // it may have been sent and kept while the answer was on its way
    if (value) return value;
    if (!later(error)) return remembered(`desk.${name}`, {});
    await new Promise((done) => setTimeout(done, AGAIN_MS));
  }
}

// Keeps a document, soon.
export function keep(name, document, wait = WAIT_MS) {
  changes++;
  clearTimeout(waiting.get(name)?.timer);
  waiting.set(name, { document, timer: setTimeout(() => send(name), wait) });
}

async function send(name, way = put) {
  const { document } = waiting.get(name);
  const { error } = await outcome(way(`/desk/${part(name)}`, document));
  if (waiting.get(name)?.document !== document) return; // it has changed since
  if (error && later(error)) keep(name, document, AGAIN_MS);
  else waiting.delete(name);
  if (error) remember(`desk.${name}`, document);
}

addEventListener("pagehide", () => [...waiting.keys()].forEach((name) => send(name, putAtTheEnd)));

// What this user arranged, kept by the server; in this browser where the server keeps nothing for this user.
import { get, outcome, part, put } from "./api.js";
import { remember, remembered } from "./prefs.js";

const WAIT_MS = 400; // a change is kept once nothing has changed for this long

const waiting = new Map(); // name -> the timer and the document that waits to be kept

// Resolves to the document of this name; an empty one where there is none.
export async function recall(name) {
  if (waiting.has(name)) return waiting.get(name).document;
  const { value } = await outcome(get(`/desk/${part(name)}`, { unattended: true }));
  if (value) return value;
  return remembered(`desk.${name}`, {});
}

// Keeps a document, soon.
export function keep(name, document) {
  clearTimeout(waiting.get(name)?.timer);
  waiting.set(name, { document, timer: setTimeout(() => send(name), WAIT_MS) });
}

async function send(name) {
  const { document } = waiting.get(name);
  const { error } = await outcome(put(`/desk/${part(name)}`, document));
  if (waiting.get(name)?.document === document) waiting.delete(name);
  if (error) remember(`desk.${name}`, document);
}

addEventListener("pagehide", () => [...waiting.keys()].forEach(send));

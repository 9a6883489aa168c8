import assert from "node:assert/strict";
import test from "node:test";

import { feedState } from "../../src/tapeline/web/assets/js/feed.js";

const NOW = 1_700_000_000_000;
const at = (time) => `T${time - NOW}`;

function say(feed, { open = true, ...status } = {}) {
  const { level, text, tick, banner } = feedState({ connection: "live", status: { error: null, replay: null, feed, ...status }, open, at, now: NOW });
  return [level, text, tick, banner];
}

test("a silent feed does not look healthy while a market is open", () => {
  const heard = (ms, state = "streaming") => ({ state, heard: NOW - ms });
  assert.deepEqual(say(heard(2000)), ["good", "Streaming", "2 s", ""]);
  assert.deepEqual(say(heard(30_001)), ["bad", "Feed silent", "30 s", "No price since T-30001, although a market is open: the stream is silent."]);
  assert.deepEqual(say(heard(30_001), { open: false }), ["good", "Streaming, markets closed", "30 s", ""]);
  assert.deepEqual(say(heard(9000, "polling")), ["warn", "Polling", "9 s", "The stream cannot be opened, and prices are polled meanwhile."]);
  assert.deepEqual(say(heard(240_000, "not connected")),
    ["bad", "Stopped", "4 min", "No price since T-240000, although a market is open: the stream is not connected; trying again."]);
  assert.deepEqual(say({ state: "streaming", heard: null }).slice(0, 3), ["bad", "Feed silent", "no price yet"]);
});

test("the connection and the store come before the feed, and a replay has none", () => {
  const feed = { state: "streaming", heard: NOW };
  assert.deepEqual(say(feed, { error: "disk on fire" }), ["bad", "Store unreadable", "", "The store cannot be read: disk on fire. Trying again."]);
  assert.deepEqual(say(null, { replay: { done: 1, total: 2, ended: false } }), ["good", "Replay 50%", "", ""]);
  assert.deepEqual(say(null), ["good", "Connected", "", ""]);
  assert.equal(feedState({ connection: "lost", status: { last: NOW }, open: true, at, now: NOW }).banner,
    "The connection to the server is lost; trying again. The data shown ends T0.");
  assert.equal(feedState({ connection: "lost", why: "too many pages", status: null, open: true, at, now: NOW }).banner,
    "The server does not send this page what changes: too many pages; trying again.");
});

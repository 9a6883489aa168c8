// How the feed is doing, in words: what the header says, and the banner below it while something is wrong.
import { duration, percent } from "./format.js";

const SILENT_MS = 30_000; // without a price in an open market
const STATES = { streaming: "Streaming", polling: "Polling", "not connected": "Stopped" };

// Returns { text, tick, level, banner }: the words, how old the last price is, "good", "warn" or "bad", and the banner's
// text. `why` is what the server refuses the connection with, `status` the last `status` event, `open` whether a market of these quotes is open, `at(time)` says a time in
// words, `now` is UTC epoch ms. The banner is read out when it changes: it holds no age.
export function feedState({ connection, why, status, open, at, now }) {
  const { error, replay, feed, last } = status ?? {};
  const say = (level, text, banner = "", tick = "") => ({ level, text, banner, tick });
  if (connection === "lost") {
    const fault = why ? `The server does not send this page what changes: ${why}; trying again.` : "The connection to the server is lost; trying again.";
    return say("bad", why ? "Refused" : "Disconnected", fault + (last ? ` The data shown ends ${at(last)}.` : ""));
  }
  if (error) return say("bad", "Store unreadable", `The store cannot be read: ${error}. Trying again.`);
  if (connection !== "live") return say("warn", "Connecting");
  if (replay) return say("good", `Replay ${replay.ended ? "ended" : replay.total ? percent(replay.done / replay.total, 0) : ""}`);
  if (!feed) return say("good", "Connected");
  const silent = feed.heard === null ? Infinity : Math.max(0, now - feed.heard);
  const tick = feed.heard === null ? "no price yet" : silent < 1000 ? "now" : duration(silent);
  const text = STATES[feed.state] ?? feed.state;
  if (!open) return say(feed.state === "streaming" ? "good" : "warn", `${text}, markets closed`, "", tick);
  if (silent > SILENT_MS) {
    const since = feed.heard === null ? "No price came yet" : `No price since ${at(feed.heard)}`;
    return say("bad", feed.state === "streaming" ? "Feed silent" : text, `${since}, although a market is open: ${reason(feed.state, true)}.`, tick);
  }
  if (feed.state === "streaming") return say("good", text, "", tick);
  return say("warn", text, `${capital(reason(feed.state))}.`, tick);
}

function reason(state, silent = false) {
  if (state === "polling") return `the stream cannot be opened, and ${silent ? "asking for prices brings none either" : "prices are polled meanwhile"}`;
  return state === "streaming" ? "the stream is silent" : "the stream is not connected; trying again";
}

export const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);

// The right of the header, and the banner below it: how the feed is doing, and what is wrong with the system.
import { attribute, text } from "./dom.js";
import { capital, feedState } from "./feed.js";

const LOOK_MS = 1000;

export class StatusBar {
  // `find(name)` gives the elements; `open()` says whether a market is open, `at(time)` says a time in words,
  // `newest()` gives that of the newest bar for as long as the server has not said anything.
  constructor(find, { open, at, newest }) {
    this._parts = Object.fromEntries(["status", "tick", "banner", "trouble"].map((name) => [name, find(name)]));
    this._open = open;
    this._at = at;
    this._newest = newest;
    this._connection = "connecting";
    this._why = ""; // the server refuses
    this._status = null;
    setInterval(() => document.hidden || this.show(), LOOK_MS);
  }

  connection(state, why = "") {
    [this._connection, this._why] = [state, why];
    this.show();
  }

  // Takes a `status` event.
  take(status) {
    this._status = status;
    this._troubles(status.troubles);
    this.show();
  }

  // How the feed is doing, as `feedState` says it.
  get state() {
    return feedState({ connection: this._connection, why: this._why, status: this._status ?? { last: this._newest() }, open: this._open(), at: this._at, now: Date.now() });
  }

  // The age of the last price stands beside the live region, which would read it out every second.
  show() {
    const { state } = this;
    text(this._parts.status, state.text);
    attribute(this._parts.status, "data-state", state.level);
    text(this._parts.tick, state.tick);
    this._parts.banner.hidden = !state.banner;
    attribute(this._parts.banner, "data-state", state.level);
    text(this._parts.banner, state.banner);
  }

  // Says what is wrong with the system itself; the health tab has the details.
  _troubles(troubles) {
    const titles = [...new Set(troubles.map((trouble) => trouble.title))];
    const badge = this._parts.trouble;
    badge.hidden = !titles.length;
    text(badge, titles.length > 1 ? `${capital(titles[0])}, and ${titles.length - 1} more` : titles.length ? capital(titles[0]) : "");
    attribute(badge, "title", troubles.map((trouble) => `${capital(trouble.title)}: ${trouble.text}`).join("\n") || null);
  }
}

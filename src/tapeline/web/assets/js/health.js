// The health tab: whether data is coming in, how late it is, what was rejected, and whether there is room.
import { get, outcome } from "./api.js";
import { card, cell, facts, nothing, problem, showLoading, table } from "./cards.js";
import { fill, h } from "./dom.js";
import { bytes, clockOf, compact, duration, integer } from "./format.js";

const REFRESH_MS = 5000;
const MOST_REJECTS = 50;
const LITTLE_BYTES = 1024 ** 3;

export class HealthTab {
  // `zone()` answers whose times are shown, `daily()` whether the newest bar of all is one of a day, `feed()` how the feed is
  // doing, as the header says it.
  constructor(root, zone, daily, feed) {
    this._root = root;
    this._zone = zone;
    this._daily = daily;
    this._feed = feed;
    this._timer = 0;
    this._turn = 0;
  }

  async show({ unattended = false } = {}) {
    clearTimeout(this._timer);
    const turn = ++this._turn;
    showLoading(this._root);
    const { value, error } = await outcome(Promise.all([get("/health", { unattended }), get(`/rejects?limit=${MOST_REJECTS}`, { unattended })]));
    if (turn !== this._turn) return;
    if (error) fill(this._root, problem(`The state of the system cannot be read: ${error.message}. Trying again.`));
    else this._draw(value[0], value[1].rejects.reverse()); // the newest first
    this._timer = setTimeout(() => this.show({ unattended: true }), REFRESH_MS);
  }

  hide() {
    clearTimeout(this._timer);
    this._turn++;
  }

  _draw(health, rejects) {
    const clock = clockOf(this._zone());
    const timed = (time, format, by = clock) => time && h("span", { title: by.utc(time) }, by[format](time));
    const { collector, lag, replay } = health;
    if (!this._cards?.isConnected) {
      this._cards = h("div", { class: "cards" });
      this._lists = h("div", { class: "cards records" }); // apart, as redrawing a list that did not change would scroll it back
      this._drawn = "";
      fill(this._root, this._cards, this._lists);
    }
    fill(this._cards,
      card("System", health.status === "ok" ? "" : "bad", facts({
        State: light(health.error ? `${health.status}: ${health.error}` : health.status, health.status === "ok" ? "good" : "bad"), "Open pages": integer(health.clients),
        "Model in use": health.models.join(", ") || health.no_model || "none",
      })),
      card("Collector", collector && this._feed().level === "bad" ? "bad" : "", collector ? facts({
        Connection: light(this._feed().text, this._feed().level), "Last price": timed(collector.last_message, "second"), Symbols: integer(collector.symbols),
      }) : nothing("No collector runs in this process.")),
      card("From message to row", "", lag ? facts({
        Median: duration(lag.p50), "99% within": duration(lag.p99), Measured: `${compact(lag.count)} rows`,
      }) : nothing("Not measured: no live rows yet.")),
      card("Stream and store", "", facts({
        "In the stream": health.depth === null ? "no stream here" : `${integer(health.depth)} bars`,
        Rows: integer(health.rows), Symbols: integer(health.symbols), "Newest bar": timed(health.last, "full", clockOf(this._zone(), this._daily())),
      })),
      card("Disk", health.disk_free !== null && health.disk_free < LITTLE_BYTES ? "bad" : "", facts({ Free: health.disk_free === null ? null : `${bytes(health.disk_free)} of ${bytes(health.disk_total)}` })),
      replay && card("Replay", "", h("progress", { max: replay.total ?? 1, value: replay.total ? replay.done : 0, "aria-label": "Replay" }), facts({
        Bars: `${integer(replay.done)} of ${integer(replay.total)}`, State: replay.ended ? "ended" : "running",
      })),
    );
    const { events = [], problems = {} } = collector ?? {};
    const drawn = JSON.stringify([health.errors, health.rejects, rejects, events, problems]);
    if (drawn === this._drawn) return;
    this._drawn = drawn;
    fill(this._lists,
      collector && card("Feed", "wide", events.length
        ? table(["Time", "What happened"], events.toReversed().map(({ timestamp, text }) => h("tr", {}, cell(timed(timestamp, "second")), cell(text))), "text")
        : nothing("Nothing happened yet.")),
      Object.keys(problems).length > 0 && card("Symbols without bars", "wide", table(["Symbol", "Reason"],
        Object.entries(problems).map(([symbol, reason]) => h("tr", {}, cell(symbol), cell(reason))), "text")),
      card("Last errors", "wide", health.errors.length ? h("ul", {}, health.errors.reverse().map((error) => h("li", {}, error))) : nothing("None.")),
      card(`Rejected records${health.rejects ? ` (${integer(health.rejects)})` : ""}`, "wide", rejects.length
        ? table(["Source", "Place", "Reason", "Record"], rejects.map((reject) => h("tr", {}, cell(reject.source), cell(reject.place), cell(reject.reason),
          h("td", { class: "raw" }, reject.count > 1 ? `${integer(reject.count)} such records, which are not kept` : reject.raw))), "text")
        : nothing("No record was rejected.")));
  }
}

const light = (words, level) => h("span", { class: `light ${level}` }, words);

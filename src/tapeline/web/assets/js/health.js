// The health tab: is data coming in, how late, what was refused, and is there room.
import { ApiError, get } from "./api.js";
import { fill, h } from "./dom.js";
import { amount, bytes, clockOf, duration, whole } from "./format.js";
import { card, cell, facts, head, scroll } from "./model.js";

const EVERY_MS = 5000;
const REJECTS = 50;
const LITTLE_BYTES = 1024 ** 3;
const GOOD = new Set(["ok", "connected", "polling", "streaming", "running", "replaying", "waiting"]);

export class HealthTab {
  constructor(root, zone) {
    this._root = root;
    this._zone = zone;
    this._timer = 0;
    this._turn = 0;
  }

  async show() {
    clearTimeout(this._timer);
    const turn = ++this._turn;
    if (!this._root.childElementCount) fill(this._root, h("p", { class: "none" }, "Loading …"));
    try {
      const [health, rejects] = await Promise.all([get("/health"), get(`/rejects?limit=${REJECTS}`)]);
      if (turn !== this._turn) return;
      this._draw(health, (rejects.rejects ?? []).reverse()); // the newest first
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (turn !== this._turn) return;
      fill(this._root, h("p", { class: "verdict bad" }, `The state of the system cannot be read: ${error.message}. Trying again.`));
    }
    this._timer = setTimeout(() => this.show(), EVERY_MS);
  }

  hide() {
    clearTimeout(this._timer);
    this._turn++;
  }

  _draw(health, rejects) {
    const clock = clockOf(this._zone());
    const at = (t) => h("span", { title: clock.utc(t) }, clock.second(t));
    const { collector, lag, replay } = health;
    if (!this._cards?.isConnected) {
      this._cards = h("div", { class: "cards" });
      this._lists = h("div", { class: "cards lists" }); // apart: they are drawn anew only when they changed, as they scroll
      this._listed = "";
      fill(this._root, this._cards, this._lists);
    }
    fill(this._cards,
      card("System", health.status === "ok" ? "" : "bad", facts({
        State: state(health.status, health.error), "Open pages": whole(health.clients), "Model in use": health.models?.join(", ") || health.no_model || "none",
      })),
      card("Collector", "", collector ? facts({
        Connection: state(collector.state), "Last message": collector.last_message ? at(collector.last_message) : null,
        Symbols: whole(collector.symbols),
      }) : h("p", { class: "none" }, "No collector runs in this process.")),
      card("From message to row", "", lag ? facts({
        Median: duration(lag.p50), "99% within": duration(lag.p99), Measured: `${amount(lag.count)} rows`,
      }) : h("p", { class: "none" }, "Not measured: no live rows yet.")),
      card("Stream and store", "", facts({
        "In the stream": health.depth === null ? "no stream here" : `${whole(health.depth)} bars`,
        Rows: whole(health.rows), Symbols: whole(health.symbols), "Newest bar": health.last ? h("span", { title: clock.utc(health.last) }, clock.full(health.last)) : null,
      })),
      card("Disk", health.disk_free !== null && health.disk_free < LITTLE_BYTES ? "bad" : "", facts({ Free: `${bytes(health.disk_free)} of ${bytes(health.disk_total)}` })),
      replay ? card("Replay", "", progress(replay), facts({
        Bars: `${whole(replay.done)} of ${whole(replay.total)}`, State: replay.ended ? "ended" : "running",
      })) : null,
    );
    const listed = JSON.stringify([health.errors, health.rejects, rejects]);
    if (listed === this._listed) return;
    this._listed = listed;
    fill(this._lists,
      card("Last errors", "wide", errors(health.errors ?? [])),
      card(`Refused records${health.rejects ? ` (${whole(health.rejects)})` : ""}`, "wide", rejects.length ? scroll(h("table", { class: "text" },
        h("thead", {}, h("tr", {}, ["From", "Place", "Reason", "Record"].map(head))),
        h("tbody", {}, rejects.map((one) => h("tr", {}, cell(one.source), cell(one.place), cell(one.reason),
          h("td", { class: "raw" }, one.raw)))))) : h("p", { class: "none" }, "None was refused.")));
  }
}

function state(name, detail = "") {
  return h("span", { class: `light ${GOOD.has(name) ? "good" : "bad"}` }, [name, detail].filter(Boolean).join(": ") || "–");
}

function progress({ done, total }) {
  return h("progress", { max: total ?? 1, value: total ? done : 0, "aria-label": "Replay" });
}

function errors(list) {
  if (!list.length) return h("p", { class: "none" }, "None.");
  return h("ul", {}, [...list].reverse().map((one) => h("li", {}, one)));
}

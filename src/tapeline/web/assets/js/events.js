// The stream of server-sent events: quotes, bars, status and alerts as they change.
import { ROOT, refusalOf } from "./api.js";

const RETRY_MS = [500, 1000, 2000, 5000, 10_000];
const HIDDEN_MS = 60_000; // a browser has six connections to a server: a page hidden for this long gives its own back
const SILENCE_MS = 20_000; // the server sends something every 5 s; in a laptop's sleep a connection dies without an error

export class Events {
  // `listeners` maps event names to functions; `changed` is called with "live", and with "lost" and why the server refuses, if it does.
  constructor(listeners, changed) {
    this._listeners = { beat: () => {}, ...listeners };
    this._changed = changed;
    this.ready = false; // whether it may be opened, and whether that was wanted before
    this.wanted = false;
    this._source = null;
    this._query = "";
    this._failures = 0;
    this._live = false;
    this._why = "";
    this._timer = 0;
    this._heard = 0;
    setInterval(() => this._connected && performance.now() - this._heard > SILENCE_MS && this._lose(), SILENCE_MS / 10);
  }

  // Listens for the bars of these charts, { symbol, interval }; without any for quotes, status and alerts only. A stream of
  // just these goes on, unless it is to begin `anew`, with the newest bars of each.
  open([first, ...others], indicators, anew = false) {
    this.wanted = true;
    if (!this.ready) return;
    const wanted = new URLSearchParams(first ? { symbol: first.symbol, interval: first.interval, indicators: indicators.join(",") } : {});
    for (const { symbol, interval } of others) wanted.append("also", `${symbol}@${interval}`);
    const query = String(wanted);
    if (this._connected && query === this._query && !anew) return;
    this._query = query;
    this._connect();
  }

  get isOpen() {
    return this._source !== null;
  }

  close() {
    clearTimeout(this._timer);
    this._source?.close();
    this._source = null;
  }

  // Closes it while the page has been hidden for long, if it `may()`; `again()` opens it.
  restWhileHidden(may, again) {
    let timer = 0;
    document.addEventListener("visibilitychange", () => {
      clearTimeout(timer);
      if (document.hidden) timer = setTimeout(() => may() && this.close(), HIDDEN_MS);
      else if (!this.isOpen) again();
    });
  }

  get _connected() {
    return this.isOpen && this._source.readyState !== EventSource.CLOSED;
  }

  _connect() {
    this.close();
    const source = new EventSource(`${ROOT}/events?${this._query}`);
    this._source = source;
    this._heard = performance.now();
    source.onopen = () => {
      this._heard = performance.now();
      this._failures = 0;
      this._live = true;
      this._why = "";
      this._changed("live");
    };
    source.onerror = () => source === this._source && this._lose(source.readyState === EventSource.CLOSED);
    for (const [name, listener] of Object.entries(this._listeners)) {
      source.addEventListener(name, (event) => {
        if (source !== this._source) return;
        this._heard = performance.now();
        listener(JSON.parse(event.data));
      });
    }
  }

  // An answer that is no stream closes it: it is `refused`. A lost connection does not.
  _lose(refused = false) {
    this._live = false;
    if (!refused) this._why = "";
    this._source.close(); // the browser's own retry stops for good at an HTTP error
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this._connect(), RETRY_MS[Math.min(this._failures++, RETRY_MS.length - 1)]);
    this._changed("lost", this._why);
    if (refused) this._askWhy();
  }

  // The browser does not tell a page what a stream was answered with.
  async _askWhy() {
    const why = await refusalOf(`/events?${this._query}`);
    if (why === this._why || this._live || !this.isOpen) return;
    this._why = why;
    this._changed("lost", why);
  }
}

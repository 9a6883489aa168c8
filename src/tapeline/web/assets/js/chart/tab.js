// The chart tab: which symbol and interval are shown, their bars, and what is said about them.
import { ApiError, PAGE_BARS, barsPath, get, part } from "../api.js";
import { fill, h, text } from "../dom.js";
import { interval as estimate, share } from "../format.js";
import { watchTheme } from "../theme.js";
import { Bars } from "./bars.js";
import { Catalogue } from "./catalogue.js";
import * as selection from "./chosen.js";
import { Drawing } from "./drawing.js";
import { Heading } from "./heading.js";
import { Legend } from "./legend.js";
import { openPicker } from "./picker.js";

const GRADE_MS = 60_000;
const RETRY_MS = 3000;

export class ChartTab {
  // `listen()` is called when other events are wanted, `pick(symbol, interval)` to show something else; `daily(symbol)`
  // answers whether a symbol has daily bars only, as far as that is known.
  constructor(root, { listen, pick, daily }) {
    this.symbol = null;
    this.wanted = "1m"; // the interval that was asked for
    this.known = true; // whether the server knows the symbol
    this.interval = "1m"; // the one that is shown: that of the bars, where they are longer
    this._listen = listen;
    this._daily = daily;
    this._bars = null;
    this._drawing = null;
    this._catalogue = null;
    this._turn = 0; // counts what was asked for, so that late answers to earlier questions are dropped
    this._loading = false;
    this._point = null;
    const find = (name) => root.querySelector(`[data-part=${name}]`);
    this._parts = Object.fromEntries(
      ["indicators", "newest", "canvas", "legend", "state", "key", "grade"].map((name) => [name, find(name)]),
    );
    this._heading = new Heading(find, (interval) => pick(this.symbol, interval));
    this._parts.indicators.addEventListener("click", () => this.openPicker());
    this._parts.newest.addEventListener("click", () => this._drawing?.newest());
    this._legend = new Legend(this._parts.legend, this._parts.canvas, {
      edit: (spec) => this.openPicker(spec),
      remove: (spec) => {
        if (spec) selection.drop(spec);
        else selection.showPredictions(false);
        this._reselect();
      },
    });
    setInterval(() => document.hidden || !this._bars || this._grade(this._turn), GRADE_MS);
    watchTheme(() => {
      this._drawing?.recolor(this._catalogue);
      if (this._bars) this._relabel();
    });
  }

  // Shows this symbol. `asked` is an answer that was asked for earlier.
  async show(symbol, interval, asked = null) {
    const turn = ++this._turn;
    const other = symbol !== this.symbol;
    this.symbol = symbol;
    this.wanted = interval;
    this.interval = this._daily(symbol) ? "1d" : interval;
    this.known = true;
    this._heading.press(this.interval);
    if (other) {
      this._heading.begin(symbol);
      text(this._parts.grade, "");
    }
    if (symbol === null) {
      this._clear("empty");
      return;
    }
    if (other || !this._bars) this._say("loading");
    this._asking = true;
    let answer = await (asked ?? this._ask({ limit: PAGE_BARS }));
    if ([409, 422].includes(answer.error?.status) && turn === this._turn) answer = await this._mended();
    if (turn !== this._turn) return;
    this._asking = false;
    if (answer.error) {
      this.known = ![404, 422].includes(answer.error.status);
      this._clear(this.known ? "error" : "unknown", answer.error.message);
      if (this.known) this._again = setTimeout(() => turn === this._turn && this.show(symbol, interval), RETRY_MS);
    } else this._take(answer.value);
    this._listen(); // after the bars, which it would hold up; it begins with what came since
    if (answer.error) return;
    this._grade(turn);
  }

  // This symbol's bars are longer than the interval, or a remembered indicator is no more: its own interval, without those.
  async _mended() {
    await this.catalogueKnown;
    for (const spec of selection.shownIndicators()) if (!this._catalogue?.read(spec)) selection.drop(spec);
    const answer = await this._ask({ limit: PAGE_BARS, interval: null });
    if (answer.value) this.interval = answer.value.interval;
    return answer;
  }

  // What is drawn needs the catalogue's word on where; candles do not wait for it.
  setCatalogue(answer) {
    this._catalogue = new Catalogue(answer);
    if (this._bars?.length) this._select();
  }

  setQuote(quote) {
    if (quote?.symbol === this.symbol) this._heading.quote(quote);
  }

  // A `bars` event.
  change(event) {
    if (event.symbol !== this.symbol || event.interval !== this.interval || this._asking) return;
    if (this._bars) this._merge(event.columns);
    else this.show(this.symbol, this.wanted); // there was nothing to show before
  }

  // The server can be reached again.
  retry() {
    if (!this._bars && this.symbol !== null && this.known && !this._asking) this.show(this.symbol, this.wanted);
  }

  openPicker(spec = null) {
    if (this._catalogue) openPicker(this._catalogue, () => this._reselect(), spec);
  }

  // The interval that many places from the one that is shown, null where there is none.
  intervalBeside(by) {
    const all = this._heading.intervals;
    return all[all.indexOf(this.interval) + by] ?? null;
  }

  newest() {
    this._drawing?.newest();
  }

  zoom(factor) {
    this._drawing?.zoom(factor);
  }

  pan(by) {
    this._drawing?.pan(by);
  }

  // -- bars ------------------------------------------------------------------------------------------------------------

  async _ask(question) {
    const asked = { interval: this.interval, indicators: selection.shownIndicators(), ...question };
    try {
      return { value: await get(barsPath(this.symbol, asked)) };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { error };
    }
  }

  _take(answer) {
    this._bars = new Bars({ symbol: this.symbol, interval: this.interval, ...answer });
    this._point = null;
    if (answer.intervals) this._heading.offer(answer.intervals, this.interval);
    if (!this._bars.length) {
      this._clear("no bars");
      return;
    }
    this._say(null);
    this._drawing ??= new Drawing(this._parts.canvas, {
      pointed: (i) => {
        this._point = i === -1 ? null : i;
        this._values();
      },
      wanted: () => this._older(),
      moved: () => this._moved(),
    });
    this._drawing.show(this._bars, this._catalogue);
    this._relabel();
  }

  _merge(columns) {
    const bars = this._bars;
    const before = bars.length;
    const from = before ? bars.merge(columns) : null;
    if (from === null) {
      this.show(this.symbol, this.wanted); // there is a gap: all of it again
      return;
    }
    if (from < before || bars.length > before) {
      this._drawing.update(from, before);
      this._values();
    }
  }

  async _older() {
    const bars = this._bars;
    if (this._loading || bars.older === null) return;
    this._loading = true;
    const answer = await this._ask({ limit: PAGE_BARS, before: bars.older });
    this._loading = false;
    if (bars !== this._bars) return;
    if (answer.error) {
      bars.older = null; // the chart stays usable; another look at the symbol asks again
      return;
    }
    if (!answer.value.columns.t?.length) bars.older = null;
    else {
      bars.prepend(answer.value);
      this._point = null;
      this._drawing.refill();
      this._values();
    }
  }

  // -- indicators ------------------------------------------------------------------------------------------------------

  async _reselect() {
    if (!this._bars?.length) return;
    const missing = selection.shownIndicators().some((spec) => {
      const read = this._catalogue.read(spec);
      return read && !this._bars.has(read.columns.map((column) => column.name));
    });
    if (missing) {
      const turn = this._turn;
      const answer = await this._ask({ limit: Math.max(PAGE_BARS, this._bars.length) });
      if (turn !== this._turn) return;
      if (answer.error) {
        this._say("error", answer.error.message);
        return;
      }
      const range = this._drawing.chart.timeScale().getVisibleLogicalRange();
      const right = this._bars.length - range.to;
      this._take(answer.value);
      const to = this._bars.length - right;
      this._drawing.chart.timeScale().setVisibleLogicalRange({ from: to - (range.to - range.from), to });
    } else this._select();
    this._listen();
  }

  _select() {
    this._drawing.select(this._catalogue);
    this._relabel();
  }

  _relabel() {
    this._legend.rebuild(this._drawing);
    this._parts.key.hidden = this._drawing.callsPane === null;
    this._values();
  }

  _values() {
    if (this._bars?.length) this._legend.show(this._point ?? this._bars.length - 1);
  }

  _moved() {
    this._parts.newest.hidden = this._drawing?.atNewest ?? true;
  }

  // -- words -----------------------------------------------------------------------------------------------------------

  async _grade(turn) {
    let answer;
    try {
      answer = await get(`/scores?symbol=${part(this.symbol)}`);
    } catch {
      return; // the chart is worth showing without
    }
    if (turn !== this._turn) return;
    const found = answer.grades?.find((one) => one.symbol === this.symbol) ?? answer.grades?.[0];
    text(this._parts.grade, gradeText(found));
  }

  _clear(state, detail = "") {
    this._bars = null;
    this._say(state, detail);
  }

  _say(state, detail = "") {
    clearTimeout(this._again);
    this._parts.state.hidden = state === null;
    if (state === null) return;
    const [title, says] = {
      loading: ["Loading …", ""],
      empty: ["No symbols yet", "Add one to the watch-list, or store some bars: tapeline replay FILE, or tapeline demo."],
      "no bars": ["No bars yet", `They appear here as soon as the first of ${this.symbol} are stored.`],
      unknown: ["Nothing to show", `${detail}.`],
      error: ["The bars cannot be shown", `${detail}. Trying again.`],
    }[state];
    fill(this._parts.state, h("b", {}, title), says ? h("span", {}, says) : null);
  }
}

// How often the calls came true, with its interval and what always saying the more frequent direction gives.
function gradeText(grade) {
  if (!grade || !grade.predicted) return "No predictions yet.";
  if (!grade.answered) return "No UP or DOWN call is decided yet.";
  return `${grade.answered.toLocaleString("en-US")} calls decided: ${estimate(grade.hit_rate, share)} right; `
    + `always the more frequent direction: ${share(grade.base_rate)}.`;
}

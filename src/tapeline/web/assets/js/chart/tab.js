// The chart tab: which symbol and interval are shown, and how bars, indicators and quotes come together on it.
import { PAGE_BARS, get, outcome, part } from "../api.js";
import { attribute, fill, h, text } from "../dom.js";
import { remember, remembered } from "../prefs.js";
import { watchTheme } from "../theme.js";
import { Bars } from "./bars.js";
import { Catalogue } from "./catalogue.js";
import { Drawing } from "./drawing.js";
import { Heading } from "./heading.js";
import { Legend } from "./legend.js";
import { askAgain, askBars, unknown } from "./loading.js";
import { forecastText, gradeText, oddsText, rangesText, stateText } from "./notices.js";
import { PastRanges, trailCount } from "./pastranges.js";
import { openPicker } from "./picker.js";
import * as selection from "./selection.js";

const GRADE_MS = 60_000;
const RETRY_MS = 3000;
const ODDS_MS = 120; // the crosshair rests for this long before the odds of its price are asked for
const LATEST_RANGES = 25; // bars whose outcome may be new after a bar has closed

export class ChartTab {
  // `listen()` is called when other events are wanted, `pick(symbol, interval)` to show something else; `daily(symbol)`
  // answers whether a symbol has daily bars only, undefined where that is not known yet.
  constructor(root, { listen, pick, daily }) {
    this.symbol = null;
    this.wanted = "1m"; // the interval asked for
    this.interval = "1m"; // the interval shown: that of the bars, where they are longer
    this.known = true; // whether the server knows the symbol
    this._listen = listen;
    this._daily = daily;
    this._bars = null;
    this._drawing = null;
    this._catalogue = null;
    this._turn = 0; // counts what was shown, so that late answers to earlier questions are dropped
    this._asking = false; // for the newest bars
    this._loading = false; // older bars
    this._pointed = null; // the index of the bar under the crosshair
    this._stored = null; // the interval of the stored bars that the candles are made of
    this._expected = null; // the open time of the bar whose forecast was asked for
    this._forecast = null; // of the bars shown
    this._ranges = null; // the past ranges that are here, null where they are not shown
    this._rangesWanted = remembered("ranges", false) === true;
    this._odds = 0; // the timer of the odds of a price
    this._oddsTurn = 0; // counts the questions for odds
    this._oddsShown = 0; // the question whose answer is shown
    const find = (name) => root.querySelector(`[data-part=${name}]`);
    this._parts = Object.fromEntries(
      ["indicators", "ranges", "newest", "canvas", "legend", "state", "key", "grade", "words", "trail"].map((name) => [name, find(name)]),
    );
    this._heading = new Heading(find, (interval) => pick(this.symbol, interval));
    this._parts.indicators.addEventListener("click", () => this.openPicker());
    this._parts.ranges.addEventListener("click", () => this.toggleRanges());
    this._parts.newest.addEventListener("click", () => this.newest());
    this._legend = new Legend(this._parts.legend, this._parts.canvas, {
      edit: (spec) => this.openPicker(spec),
      remove: (spec) => {
        if (spec) selection.drop(spec);
        else selection.showPredictions(false);
        this._reselect();
      },
    });
    setInterval(() => document.hidden || !this._bars || this._grade({ unattended: true }), GRADE_MS);
    watchTheme(() => {
      this._drawing?.recolor(this._catalogue);
      if (this._bars) this._relabel();
      this._drawTrail();
    });
  }

  // Shows this symbol; null: that there is none. `asked` is the promise of an answer that was asked for earlier.
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
      text(this._parts.words, "");
    }
    if (symbol === null) {
      this._clear("empty");
      return;
    }
    if (other || !this._bars) this._say("loading");
    this._asking = true;
    let { value, error } = await (asked ?? askBars(symbol, { interval: this.interval }));
    if ((unknown(error) || error?.status === 409) && turn === this._turn) {
      ({ value, error } = await askAgain(symbol));
    }
    if (turn !== this._turn) return;
    this._asking = false;
    if (value) this._take(value);
    else {
      this.known = !unknown(error);
      this._clear(this.known ? "error" : "unknown", error.message);
      if (this.known) this._again = setTimeout(() => turn === this._turn && this.show(symbol, interval), RETRY_MS);
    }
    this._listen(); // after the bars, which it would hold up; the stream begins with what came since
    if (value) {
      this._grade();
      this._expect();
    }
  }

  // Takes the answer of GET /indicators. Candles do not wait for it; indicators do, as it says where they are drawn.
  setCatalogue(answer) {
    this._catalogue = new Catalogue(answer);
    if (!this._bars) return;
    this._catalogue.learn(this._bars.outputs);
    this._select();
  }

  setQuote(quote) {
    if (quote?.symbol === this.symbol) this._heading.quote(quote);
  }

  // Takes a `bars` event.
  change(event) {
    if (event.symbol !== this.symbol || event.interval !== this.interval || this._asking) return;
    const before = this._bars?.length;
    const from = this._bars?.merge(event.columns) ?? null;
    if (from === null) this.show(this.symbol, this.wanted); // nothing was shown, or bars are missing between
    else {
      this._drawing.update(from, before);
      this._showValues();
      this._drawTrail();
      this._expect();
    }
  }

  // Called when the server can be reached again.
  retry() {
    if (!this._bars && this.symbol !== null && this.known && !this._asking) this.show(this.symbol, this.wanted);
  }

  openPicker(spec = null) {
    if (this._catalogue) openPicker(this._catalogue, () => this._reselect(), spec);
  }

  // The interval `by` buttons beside the one shown, undefined where there is none.
  intervalBeside(by) {
    return this._heading.intervals[this._heading.intervals.indexOf(this.interval) + by];
  }

  newest() {
    this._drawing?.newest();
  }

  // Shows or hides what was expected at past bars, and which closes left the 80% band.
  toggleRanges() {
    this._rangesWanted = !this._rangesWanted;
    remember("ranges", this._rangesWanted);
    this._ranges = null;
    this._drawing?.pastForecast(null);
    this._drawTrail();
    this._loadRanges();
  }

  zoom(factor) {
    this._drawing?.zoom(factor);
  }

  pan(share) {
    this._drawing?.pan(share);
  }

  _take(answer) {
    this.interval = answer.interval;
    this._stored = answer.stored_interval;
    this._pointed = null;
    this._heading.offer(answer.intervals, this.interval);
    if (!answer.columns.t.length) {
      this._clear("no bars");
      return;
    }
    this._bars = new Bars(answer);
    this._expected = this._forecast = this._ranges = null;
    this._catalogue?.learn(answer.outputs);
    this._say(null);
    this._drawing ??= new Drawing(this._parts.canvas, {
      pointed: (i, value) => this._point(i, value),
      olderWanted: () => this._loadOlder(),
      moved: () => { this._parts.newest.hidden = this._drawing?.atNewest ?? true; },
    });
    this._drawing.show(this._bars, this._catalogue);
    this._relabel();
  }

  async _loadOlder() {
    const bars = this._bars;
    if (this._loading || bars.older === null) return;
    this._loading = true;
    const { value } = await askBars(this.symbol, { interval: this.interval, before: bars.older });
    this._loading = false;
    if (bars !== this._bars) return;
    if (!value?.columns.t.length) {
      bars.older = null; // after an error the chart stays usable; showing the symbol again asks again
      return;
    }
    bars.prepend(value);
    this._pointed = null;
    this._drawing.refill();
    this._drawTrail();
    this._loadRanges(bars.t[value.columns.t.length]);
    this._showValues();
  }

  // Draws what is selected now, asking for the columns that are not here.
  async _reselect() {
    if (!this._bars) return;
    const here = selection.shownIndicators().every((spec) => {
      const study = this._catalogue?.read(spec);
      return study && this._bars.has(study);
    });
    if (here) this._select();
    else {
      const turn = this._turn;
      const { value, error } = await askBars(this.symbol, { interval: this.interval, limit: Math.max(PAGE_BARS, this._bars.length) });
      if (turn !== this._turn) return;
      if (error) {
        this._say("error", error.message);
        return;
      }
      const scale = this._drawing.chart.timeScale();
      const { from, to } = scale.getVisibleLogicalRange();
      const right = this._bars.length - to;
      this._take(value);
      scale.setVisibleLogicalRange({ from: this._bars.length - right - (to - from), to: this._bars.length - right });
    }
    this._listen();
  }

  _select() {
    this._drawing.select(this._catalogue);
    this._relabel();
  }

  _relabel() {
    this._legend.rebuild(this._drawing);
    this._parts.key.hidden = this._drawing.callsPane === null;
    this._showValues();
  }

  _showValues() {
    if (this._bars) this._legend.show(this._pointed ?? this._bars.length - 1);
  }

  // Asks what is expected after the last closed bar, once for each such bar.
  async _expect() {
    if (!this._bars) return;
    const { t, columns } = this._bars;
    const closed = columns.f.lastIndexOf(1);
    if (closed < 0 || this._expected === t[closed]) return;
    this._expected = t[closed];
    const turn = this._turn;
    const { value } = await outcome(get(`/symbols/${part(this.symbol)}/forecast?interval=${this._stored}`, { unattended: true }));
    if (turn !== this._turn || !this._bars) return;
    this._forecast = value?.interval === this.interval && value.horizons ? value : null;
    this._drawing.forecast(this._forecast);
    text(this._parts.words, forecastText(value));
    attribute(this._parts.ranges, "hidden", this._forecast ? null : "");
    this._loadRanges();
  }

  // Asks for the past ranges of the bars shown, or of those before a time; after the first answer for what may be new.
  async _loadRanges(cursor = null) {
    attribute(this._parts.ranges, "aria-pressed", String(this._rangesWanted));
    if (!this._rangesWanted || !this._forecast || !this._bars) return;
    const limit = cursor !== null ? PAGE_BARS : this._ranges ? LATEST_RANGES : Math.max(this._bars.length, PAGE_BARS);
    const ranges = (this._ranges ??= new PastRanges());
    const query = new URLSearchParams({ limit, interval: this._stored });
    if (cursor !== null) query.set("cursor", cursor);
    const { value } = await outcome(get(`/symbols/${part(this.symbol)}/ranges?${query}`, { unattended: true }));
    if (!value || ranges !== this._ranges) return;
    ranges.take(value);
    this._drawTrail();
  }

  _drawTrail() {
    const trail = this._ranges && this._bars ? this._ranges.trail(this._bars.t) : null;
    if (this._bars) this._drawing?.trail(trail);
    fill(this._parts.trail, trail && rangesText(trailCount(trail)));
    this._parts.trail.hidden = !trail;
  }

  // The crosshair is on this bar and this price, null where on none.
  _point(i, value) {
    this._pointed = i;
    this._showValues();
    if (this._ranges) this._drawing.pastForecast(i === null ? null : this._ranges.forecast(this._bars.t[i]));
    clearTimeout(this._odds);
    if (value > 0 && this._forecast?.is_newest) this._odds = setTimeout(() => this._askOdds(value), ODDS_MS);
    else {
      this._oddsShown = ++this._oddsTurn;
      this._legend.odds("");
    }
  }

  async _askOdds(value) {
    const turn = this._turn;
    const asked = ++this._oddsTurn;
    const within = Math.max(...Object.keys(this._forecast.horizons).map(Number).filter((step) => step <= 5));
    const question = `/symbols/${part(this.symbol)}/odds?price=${value.toFixed(this._bars.decimals)}&within=${within}&interval=${this._stored}`;
    const { value: answer } = await outcome(get(question, { unattended: true }));
    if (!answer || turn !== this._turn || asked <= this._oddsShown) return; // a later question is answered already
    this._oddsShown = asked;
    this._legend.odds(oddsText(answer, this._bars.decimals));
  }

  async _grade({ unattended = false } = {}) {
    const turn = this._turn;
    const { value } = await outcome(get(`/scores?symbol=${part(this.symbol)}`, { unattended }));
    if (value && turn === this._turn) text(this._parts.grade, gradeText(value.grades[0])); // the grade of all its rows
  }

  _clear(state, detail) {
    this._bars = null;
    this._say(state, detail);
  }

  // Says this in place of the chart; null shows the chart.
  _say(state, detail) {
    clearTimeout(this._again);
    this._parts.state.hidden = state === null;
    if (state === null) return;
    const [title, says] = stateText(state, this.symbol, detail);
    fill(this._parts.state, h("b", {}, title), says && h("span", {}, says));
  }
}

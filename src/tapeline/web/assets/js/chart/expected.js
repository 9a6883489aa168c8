// What is expected after the last bar, what was expected at past ones, the odds of a price, and how often it came true.
import { PAGE_BARS, get, later, outcome, part } from "../api.js";
import { attribute, fill, text } from "../dom.js";
import { firstCandles } from "../firstcandles.js";
import { remember, remembered } from "../prefs.js";
import { forecastText, gradeText, oddsText, rangesText } from "./notices.js";
import { PastRanges, trailCount } from "./pastranges.js";
import { keepReach } from "./reach.js";

const GRADE_MS = 60_000;
const GRADED = 20_000; // rows, the most that the server grades at once
const ODDS_MS = 120; // the crosshair rests for this long before the odds of its price are asked for
const TURN_MS = 1000; // after the words have turned, as clocks differ
const AGAIN_MS = 30_000; // when a forecast is asked for again that did not come, as where a laptop wakes before its network
const MOST_MS = 2 ** 31 - 1; // the longest time that a timer takes
const LATEST_RANGES = 25; // bars whose outcome may be new after a bar has closed

export class Expected {
  // `parts` are elements by name: `ranges`, `words`, `trail`, `grade`; `say(words)` shows the odds of a price.
  constructor(parts, say) {
    this._parts = parts;
    this._say = say;
    this._view = null; // what is shown: { symbol, interval, stored, bars, drawing }
    this._closed = null; // the open time of the bar whose forecast was asked for
    this._answered = null; // the one after which the server was asked in vain or with success
    this._forecast = null;
    this._ranges = null; // the past ranges that are here, null where they are not shown
    this._wanted = remembered("ranges", false) === true;
    this._timer = 0; // of the odds of a price
    this._turns = 0; // the timer of the words, which say later as of when they are
    this._asked = 0; // counts the questions for odds
    this._shown = 0; // the question whose answer is shown
    parts.ranges.addEventListener("click", () => this.toggle());
    setInterval(() => document.hidden || !this._view || this._grade({ unattended: true }), GRADE_MS);
  }

  // Begins with something of which nothing is known yet.
  begin() {
    text(this._parts.grade, "");
    text(this._parts.words, "");
    this._parts.trail.hidden = true;
  }

  // Takes what is shown now; null: nothing is.
  show(view) {
    clearTimeout(this._turns);
    this._view = view;
    this._closed = this._answered = this._forecast = this._ranges = null;
    if (!view) {
      this.begin();
      return;
    }
    if (view.interval !== view.stored) attribute(this._parts.ranges, "hidden", ""); // nothing is said of these bars
    this._grade();
    this.changed();
  }

  // Called when bars were added or changed: asks what is expected after the last closed one, once for each such bar.
  async changed() {
    const view = this._view;
    this.draw();
    const { t, columns } = view.bars;
    const closed = columns.f.lastIndexOf(1);
    const time = t[closed];
    if (closed < 0 || this._closed === time) return;
    this._closed = time;
    await this._ask(view, time);
  }

  async _ask(view, time) {
    clearTimeout(this._turns);
    await firstCandles;
    const { value, error } = await outcome(get(`/symbols/${part(view.symbol)}/forecast?interval=${view.stored}`, { unattended: true }));
    if (view !== this._view || time !== this._closed) return; // a later bar's forecast was asked for
    const failed = error && later(error);
    const wait = failed ? AGAIN_MS : value?.words_for && value.words_for + TURN_MS;
    if (wait) this._turns = setTimeout(() => this._ask(view, time), Math.min(wait, MOST_MS));
    const stays = failed && this._answered !== null; // before the first answer, what is shown may be of something else
    this._answered = time;
    if (stays) return;
    this._forecast = value?.interval === view.interval && value.horizons ? value : null;
    if (view.drawing.forecast(this._forecast)) keepReach(view.bars, view.drawing.reach);
    text(this._parts.words, forecastText(value));
    attribute(this._parts.ranges, "hidden", this._forecast ? null : "");
    this._load();
  }

  // Called when bars older than this time were put in front.
  older(time) {
    this.draw();
    this._load(time);
  }

  // Shows or hides what was expected at past bars, and which closes left the 80% band.
  toggle() {
    this._wanted = !this._wanted;
    remember("ranges", this._wanted);
    this._ranges = null;
    this._view?.drawing.pastForecast(null);
    this.draw();
    this._load();
  }

  // Draws the past ranges, again where the colours or the bars changed.
  draw() {
    const view = this._view;
    const trail = this._ranges && view ? this._ranges.trail(view.bars.t) : null;
    view?.drawing.trail(trail);
    fill(this._parts.trail, trail && rangesText(trailCount(trail)));
    this._parts.trail.hidden = !trail;
  }

  // The crosshair is on this bar and this price, null where on none.
  point(i, value) {
    if (!this._view) return; // as in a replay
    const { bars, drawing } = this._view;
    if (this._ranges) drawing.pastForecast(i === null ? null : this._ranges.forecast(bars.t[i]));
    clearTimeout(this._timer);
    if (value > 0 && this._forecast?.is_newest) this._timer = setTimeout(() => this._odds(value), ODDS_MS);
    else {
      this._shown = ++this._asked;
      this._say("");
    }
  }

  // Asks for the past ranges of the bars shown, or of those before a time; after the first answer for what may be new.
  async _load(cursor = null) {
    attribute(this._parts.ranges, "aria-pressed", String(this._wanted));
    const view = this._view;
    if (!this._wanted || !this._forecast || !view) return;
    const limit = cursor !== null ? PAGE_BARS : this._ranges ? LATEST_RANGES : Math.max(view.bars.length, PAGE_BARS);
    const ranges = (this._ranges ??= new PastRanges());
    const asked = ranges.ask();
    const query = new URLSearchParams({ limit, interval: view.stored });
    if (cursor !== null) query.set("cursor", cursor);
    const { value } = await outcome(get(`/symbols/${part(view.symbol)}/ranges?${query}`, { unattended: true }));
    if (!value || ranges !== this._ranges) return;
    ranges.take(asked, value);
    this.draw();
  }

  async _odds(value) {
    const view = this._view;
    if (!view || !this._forecast) return; // something else is shown meanwhile
    const asked = ++this._asked;
    const within = Math.max(...Object.keys(this._forecast.horizons).map(Number).filter((step) => step <= 5));
    const question = `/symbols/${part(view.symbol)}/odds?price=${value.toFixed(view.bars.decimals)}&within=${within}&interval=${view.stored}`;
    const { value: answer } = await outcome(get(question, { unattended: true }));
    if (!answer || view !== this._view || asked <= this._shown) return; // a later question is answered already
    this._shown = asked;
    this._say(oddsText(answer, view.bars.decimals));
  }

  async _grade({ unattended = false } = {}) {
    const view = this._view;
    await firstCandles;
    const { value } = await outcome(get(`/scores?symbol=${part(view.symbol)}&last=${GRADED}`, { unattended }));
    if (value && view === this._view) text(this._parts.grade, gradeText(value)); // the grade of all its rows comes first
  }
}

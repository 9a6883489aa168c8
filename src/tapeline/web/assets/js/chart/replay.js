// Bar replay: the bars after a time are taken away, and come back one by one, by hand or at a speed.
import { attribute, fill, h, text } from "../dom.js";

const SPEEDS = [1, 2, 5, 10, 30]; // bars a second

// The outcomes of the first `count` bars as these bars tell them: of a call it is the close `horizon` bars on, so the last are 0.
// Where `horizon` is not known, all are.
export function knownOutcomes(outcomes, count, horizon) {
  return outcomes.slice(0, count).map((outcome, i) => (horizon && i + horizon < count ? outcome : 0));
}

export class Replay {
  // `root` is the element of the controls; `view()` gives { bars, drawing, horizon } of what is shown, `begun()` hears that it
  // begins, `turned()` that it is on or off, `changed()` that bars came or went, `ended()` that it is over: then everything is
  // to be shown as it is now.
  constructor(root, { view, begun, turned, changed, ended }) {
    this._root = root;
    this._view = view;
    this._begun = begun;
    this._turned = turned;
    this._changed = changed;
    this._ended = ended;
    this._all = null; // the columns of all bars; null while there is no replay
    this._timer = 0;
    const button = (label, sign, run) => h("button", { type: "button", "aria-label": label, title: label, onclick: run }, sign);
    this._time = h("span", { class: "time" });
    this._play = button("Play", "▶", () => (this._timer ? this.pause() : this.play()));
    this._speed = h("select", { "aria-label": "Speed", onchange: () => this._timer && this.play() }, SPEEDS.map((speed) => h("option", { value: speed, selected: speed === 2 }, `${speed}/s`)));
    fill(root, h("b", {}, "Replay"), button("One bar back", "◂", () => this.step(-1)), this._play, button("One bar on", "▸", () => this.step(1)), this._speed, this._time,
      button("End the replay", "×", () => this.end()));
  }

  get on() {
    return this._all !== null;
  }

  // Begins in the middle of the view, or ends.
  toggle() {
    const { bars, drawing } = this._view();
    if (this.on) this.end();
    else if (bars) {
      this._begun();
      drawing.forecast(null); // what is expected now is no part of the past
      drawing.trail(null); // nor is which bands held since
      drawing.pastForecast(null);
      this._begin(Math.round((drawing.window.range.from + drawing.window.range.to) / 2));
    }
  }

  // Begins after the bar with this index.
  _begin(i) {
    const { bars } = this._view();
    this._all = Object.fromEntries(Object.entries(bars.columns).map(([name, column]) => [name, [...column]]));
    this._root.hidden = false;
    this._turned();
    this._cut(Math.max(1, Math.min(i + 1, bars.length)));
    this._play.focus();
  }

  // Adds the next bar, or takes the newest away.
  step(by) {
    const { bars, drawing } = this._view();
    if (by < 0) {
      if (bars.length > 1) this._cut(bars.length - 1);
      return;
    }
    const next = this._next();
    if (next < 0) {
      this.pause();
      return;
    }
    const before = bars.length;
    const from = bars.merge(Object.fromEntries(Object.entries(this._all).map(([name, column]) => [name, column.slice(next, next + 1)])));
    this._decide();
    drawing.update(from, before);
    this._say();
  }

  play() {
    clearInterval(this._timer);
    this._timer = setInterval(() => this.step(1), 1000 / Number(this._speed.value));
    this._say();
  }

  pause() {
    clearInterval(this._timer);
    this._timer = 0;
    this._say();
  }

  // Ends without showing anything else, as something else is shown anyway.
  stop() {
    if (!this.on) return;
    this.pause();
    this._all = null;
    this._root.hidden = true;
    this._turned();
  }

  end() {
    this.stop();
    this._ended();
  }

  // The index of the first bar that is not shown, -1 after the last one.
  _next() {
    const newest = this._view().bars.t.at(-1);
    return this._all.t.findIndex((time) => time > newest);
  }

  // Leaves the outcomes of those calls whose closing bar is shown.
  _decide() {
    const { bars, horizon } = this._view();
    const outcomes = bars.column("y");
    if (!outcomes) return;
    const older = bars.t.indexOf(this._all.t[0]); // bars that came in front since the replay began
    outcomes.splice(older, Infinity, ...knownOutcomes(this._all.y, bars.length - older, horizon));
  }

  _cut(count) {
    const { bars, drawing } = this._view();
    bars.cut(count);
    this._decide();
    drawing.refill();
    drawing.newest();
    this._say();
  }

  _say() {
    const { bars } = this._view();
    const label = this._timer ? "Pause" : "Play";
    text(this._play, this._timer ? "⏸" : "▶");
    attribute(this._play, "aria-label", label);
    attribute(this._play, "title", label);
    const left = this._next() < 0 ? 0 : this._all.t.length - this._next();
    text(this._time, `${bars.clock.full(bars.t.at(-1))}, ${left} left`);
    this._changed();
  }
}

// Where a time axis without gaps (one category a bar) is labelled: at round times, as many as fit.

const MINUTES = [1, 2, 5, 10, 15, 30, 60, 120, 240];
const LABEL_PIXELS = 62;
const EDGE_PIXELS = 14;

export class Ticks {
  constructor() {
    this._local = new Map();
    this.marked = new Set(); // places of the bars with a label
    this.labels = new Map(); // time -> label
    this.days = new Set(); // places where a day begins
  }

  // Chooses the labels of the bars `first`..`last` of `times` on an axis of that many pixels.
  place(clock, times, first, last, pixels) {
    const most = Math.max(2, Math.floor(pixels / LABEL_PIXELS));
    const local = (i) => {
      const t = times[i];
      if (!this._local.has(t)) this._local.set(t, clock.local(t));
      return this._local.get(t);
    };
    if (this._local.size > 4 * times.length + 1000) this._local.clear();
    const dayOf = (l) => l.year * 372 + l.month * 31 + l.day;
    const steps = [
      ...(clock.daily ? [] : MINUTES.map((m) => (l) => dayOf(l) * 1440 + Math.floor(l.minute / m))),
      dayOf,
      (l) => Math.floor(dayOf(l) / 5),
      (l) => l.year * 12 + l.month,
      (l) => Math.floor((l.year * 12 + l.month - 1) / 3),
      (l) => l.year,
    ];
    this.days = new Set();
    for (let i = Math.max(first, 1); i <= last; i++) {
      if (!clock.daily && dayOf(local(i)) !== dayOf(local(i - 1))) this.days.add(i);
    }
    for (const step of steps) {
      const found = [];
      for (let i = Math.max(first, 1); i <= last; i++) if (step(local(i)) !== step(local(i - 1))) found.push(i);
      if (found.length <= most || step === steps.at(-1)) {
        this.marked = new Set(found);
        this.labels = new Map(found.map((i) => [times[i], this._label(clock, times, i, local)]));
        this._thin(first, pixels / Math.max(1, last - first + 1));
        return;
      }
    }
  }

  // Of two labels too close to each other (a short session), the later goes, unless it begins a day.
  _thin(first, pixelsPerBar) {
    let kept = -Infinity;
    for (const i of [...this.marked]) {
      if ((i - first) * pixelsPerBar < EDGE_PIXELS) {
        this.marked.delete(i); // it would be cut off
        continue;
      }
      if ((i - kept) * pixelsPerBar < 0.7 * LABEL_PIXELS) {
        if (!this.days.has(i)) {
          this.marked.delete(i);
          continue;
        }
        this.marked.delete(kept);
      }
      kept = i;
    }
  }

  _label(clock, times, i, local) {
    const now = local(i);
    const before = local(i - 1);
    if (clock.daily) return now.month === before.month ? clock.day(times[i]) : clock.month(times[i]);
    return now.day === before.day ? clock.minute(times[i]) : clock.day(times[i]);
  }
}

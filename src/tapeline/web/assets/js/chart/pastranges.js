// What was expected at each past bar, and which of its bands held, as far as the server was asked.
const AHEAD = 5; // bars ahead of the band that is drawn

export class PastRanges {
  constructor() {
    this._columns = [];
    this._at = new Map(); // open time -> [number of the question, index in the columns of its answer]
    this._asked = 0;
  }

  // Returns the number of the next question, with which `take` takes its answer.
  ask() {
    return this._asked++;
  }

  // Takes an answer of GET /symbols/{symbol}/ranges. What the answer to a later question says of a bar stands, in whatever order they come.
  take(asked, { columns }) {
    this._columns[asked] = columns;
    columns.t.forEach((time, i) => asked < this._at.get(time)?.[0] || this._at.set(time, [asked, i]));
  }

  // The forecast of the bar that opened then, as the fan takes it; null where nothing was said.
  forecast(time) {
    const [columns, i] = this._find(time);
    if (!columns) return null;
    const horizons = {};
    for (const step of [1, 5, 20]) {
      if (columns[`low_80_${step}`][i] === null) continue;
      horizons[step] = Object.fromEntries([50, 80, 95].flatMap((share) =>
        [`low_${share}`, `high_${share}`].map((name) => [name, columns[`${name}_${step}`][i]])));
    }
    return Object.keys(horizons).length ? { timestamp: time, close: columns.close[i], horizons } : null;
  }

  // Where the 80% band of five bars earlier lies at each of these times: { low, high, missed }, null where none is known.
  // `missed` is null where the close is not known yet.
  trail(times) {
    return times.map((_, j) => {
      const [columns, i] = j < AHEAD ? [] : this._find(times[j - AHEAD]);
      const low = columns?.[`low_80_${AHEAD}`][i] ?? null;
      if (low === null) return null;
      const held = columns[`held_${AHEAD}`][i];
      return { low, high: columns[`high_80_${AHEAD}`][i], missed: held === null ? null : held === 0 || held > 80 };
    });
  }

  _find(time) {
    const [answer, i] = this._at.get(time) ?? [];
    return answer === undefined ? [] : [this._columns[answer], i];
  }
}

// How many of the closes in a trail are decided, and how many of them the band held.
export function trailCount(trail) {
  const decided = trail.filter((point) => point && point.missed !== null);
  return { decided: decided.length, held: decided.filter((point) => !point.missed).length };
}

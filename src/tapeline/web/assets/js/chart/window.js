// Which bars of a chart are in view: zooming, panning, the newest bar, and a bar that is looked for.
export const RIGHT_OFFSET = 4; // bars of free room at the right
const WIDEST = 26; // pixels of a bar, where there are few

export class Window {
  constructor(scale) {
    this._scale = scale;
    this._target = null; // the range being moved to
    this._room = NaN; // how many places `newest` left after the newest bar
  }

  // Shows the newest of `count` bars with this many places after it; few bars are widened, and stand in the middle.
  newest(count, reach) {
    const [free, left] = [RIGHT_OFFSET + reach, this._spare(count, reach)];
    this._target = null;
    this._room = free + (left ?? 0);
    if (left === null) this._scale.scrollToPosition(free, false);
    else this._moveTo({ from: -left - 0.5, to: count + free + left - 0.5 });
  }

  // Whether it follows the newest of `count` bars as `newest` left it: each new bar moves it by one.
  isNewest(count) {
    return Math.abs((this._range()?.to ?? NaN) - (count - 1) - this._room) < 1;
  }

  // The room left of few bars, and right of the places after them; null where the bars fill the window.
  _spare(count, reach) {
    const places = count + RIGHT_OFFSET + reach;
    const width = this._scale.width();
    return !width || places * this._scale.options().barSpacing >= width ? null : (Math.max(places, width / WIDEST) - places) / 2;
  }

  // The places at the left and right edge.
  get range() {
    return this._range();
  }

  // The index of the first bar in view, which may be between two; 0 before anything is drawn.
  get from() {
    return this._scale.getVisibleLogicalRange()?.from ?? 0;
  }

  // Keeps the same bars in view while `change` replaces `before` bars by `after`.
  keep(before, after, change) {
    const { from, to } = this._range();
    change();
    this._moveTo({ from: from + after - before, to: to + after - before });
  }

  // Goes on with a move that has not been drawn yet after this many bars came in front.
  shift(count) {
    if (this._target) this._moveTo({ from: this._target.from + count, to: this._target.to + count });
  }

  get atNewest() {
    return this._scale.scrollPosition() > -1;
  }

  // Shows the bar with this index in the middle.
  reveal(i) {
    const range = this._range();
    const half = range ? (range.to - range.from) / 2 : 60;
    this._moveTo({ from: i - half, to: i + half });
  }

  zoom(factor) {
    const range = this._range();
    if (!range || (factor > 1 && range.from < 0)) return; // everything is in view
    this._moveTo({ from: range.to - (range.to - range.from) * factor, to: range.to });
  }

  pan(share) {
    const range = this._range();
    if (!range) return;
    const by = (range.to - range.from) * share;
    this._moveTo({ from: range.from + by, to: range.to + by });
  }

  // The library moves with the next frame and gives the old range until then; keys come faster.
  _range() {
    return this._target ?? this._scale.getVisibleLogicalRange();
  }

  _moveTo(range) {
    this._target = range;
    this._scale.setVisibleLogicalRange(range);
    requestAnimationFrame(() => requestAnimationFrame(() => { if (this._target === range) this._target = null; }));
  }
}

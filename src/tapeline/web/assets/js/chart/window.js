// Which bars of a chart are in view: zooming, panning, the newest bar, and a bar that is looked for.
export const RIGHT_OFFSET = 4; // bars of free room at the right
const WIDEST = 26; // pixels of a bar, where there are few

export class Window {
  constructor(scale) {
    this._scale = scale;
    this._target = null; // the range being moved to
  }

  // Shows the newest of `count` bars with this many places after it; few bars are widened, and stand in the middle.
  newest(count, reach) {
    const free = RIGHT_OFFSET + reach;
    const { barSpacing } = this._scale.options();
    const width = this._scale.width();
    if (!width || (count + free) * barSpacing >= width) {
      this._scale.scrollToPosition(free, false);
      return;
    }
    const shown = Math.max(count + free, width / WIDEST);
    const left = (shown - count - free) / 2;
    this._scale.setVisibleLogicalRange({ from: -left - 0.5, to: shown - left - 0.5 });
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
    const { from, to } = this._scale.getVisibleLogicalRange();
    change();
    this._scale.setVisibleLogicalRange({ from: from + after - before, to: to + after - before });
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

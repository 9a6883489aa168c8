// What the chart library calls on everything that we draw on a pane ourselves. A layer adds `paneViews()`.
export class Primitive {
  constructor(chart) {
    this._chart = chart;
  }

  attached({ series, requestUpdate }) {
    this._series = series;
    this._request = requestUpdate;
  }

  detached() {
    this._request = null;
  }

  redraw() {
    this._request?.();
  }
}

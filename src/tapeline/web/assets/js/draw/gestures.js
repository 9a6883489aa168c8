// The mouse, finger or pen over the candles: placing points, dragging shapes and alert lines, and asking for an alert.
const NEAR = 6; // pixels within which an alert line is hit
const MOVED = 3; // pixels from which a press is a drag

export class Gestures {
  // `canvas` is the chart's element; `view()` gives { bars, drawing }; `menu(price)` asks what to do at a price.
  constructor(canvas, drawings, alerts, view, menu) {
    this._canvas = canvas;
    this._drawings = drawings;
    this._alerts = alerts;
    this._view = view;
    this._drag = null;
    canvas.addEventListener("pointerdown", (event) => this._press(event), { capture: true });
    canvas.addEventListener("pointermove", (event) => this._move(event), { capture: true });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this._release(event), { capture: true });
    canvas.addEventListener("contextmenu", (event) => {
      const place = this._place(event);
      if (!place) return;
      event.preventDefault();
      menu(place.point.p);
    });
  }

  // Where an event is over the prices: { x, y, point }; null elsewhere.
  _place(event) {
    const { bars, drawing } = this._view();
    if (!bars) return null;
    const pane = drawing.chart.panes()[0].getHTMLElement().getBoundingClientRect();
    const [x, y] = [event.clientX - pane.left, event.clientY - pane.top];
    if (x < 0 || y < 0 || x > drawing.chart.timeScale().width() || y > drawing.chart.panes()[0].getHeight()) return null;
    const point = this._drawings.layer.point(x, y);
    return point && { x, y, point };
  }

  _press(event) {
    const place = event.button === 0 ? this._place(event) : null;
    if (!place) return;
    if (this._drawings.tool) {
      this._take(event);
      this._drawings.place(place.point);
      return;
    }
    const hit = this._drawings.hit(place.x, place.y);
    const alert = hit ? null : this._alerts.hit(place.y, NEAR);
    if (!hit && !alert) {
      if (this._drawings.layer.chosen) this._drawings.select(null);
      return;
    }
    this._take(event);
    this._drawings.select(hit ? hit.shape : alert);
    this._drag = { ...hit, alert, start: place, origin: hit?.shape.points, moved: false };
    this._canvas.setPointerCapture(event.pointerId);
  }

  _move(event) {
    const place = this._place(event);
    if (!place) return;
    if (this._drawings.tool && !this._drag) this._drawings.preview(place.point);
    const drag = this._drag;
    if (!drag) return;
    drag.moved ||= Math.hypot(place.x - drag.start.x, place.y - drag.start.y) > MOVED;
    if (drag.moved) this._to(drag, place, false);
  }

  _release(event) {
    const drag = this._drag;
    if (!drag && !this._taken) return;
    this._drag = null;
    this._taken = false;
    this._view().drawing.chart.applyOptions({ handleScroll: true, handleScale: true });
    const place = this._place(event);
    if (drag?.moved && place) this._to(drag, place, true);
    else if (drag?.alert) this._alerts.move(drag.alert, null);
  }

  _to(drag, { point }, done) {
    const { bars } = this._view();
    if (drag.alert) {
      this._alerts.move(drag.alert, point.p, done);
      return;
    }
    const by = { bars: bars.position(point.t, point.date) - bars.position(drag.start.point.t, drag.start.point.date), price: point.p - drag.start.point.p };
    this._drawings.move(drag.shape, drag.point, drag.origin, by, done);
  }

  // Keeps the press from the library, which would pan.
  _take(event) {
    this._taken = true;
    event.preventDefault();
    this._view().drawing.chart.applyOptions({ handleScroll: false, handleScale: false });
  }
}

// The values at the top of each pane: of the bar under the crosshair, otherwise of the newest.
import { attribute, h, text } from "../dom.js";
import { amount, percent, price, share, signed, trend } from "../format.js";
import { NAMES, OUTCOMES } from "./calls.js";
import { labelOf } from "./catalogue.js";

export class Legend {
  // `edit(spec)` and `remove(spec)` are called when a study's buttons are used; remove(null) hides the calls.
  constructor(layer, canvas, { edit, remove }) {
    this._layer = layer;
    this._canvas = canvas;
    this._edit = edit;
    this._remove = remove;
    this._boxes = [];
    this._drawing = null;
    this._sizes = new ResizeObserver(() => this.place());
  }

  // Makes the lines for what is drawn now.
  rebuild(drawing) {
    this._drawing = drawing;
    this._sizes.disconnect();
    this._time = h("span", { class: "time" });
    this._values = Object.fromEntries(["O", "H", "L", "C", "Vol"].map((name) => [name, h("b")]));
    this._change = h("span");
    this._forming = h("span", { class: "forming" }, "forming");
    const first = h("p", {}, this._time,
      Object.entries(this._values).map(([name, value]) => h("span", {}, `${name} `, value)), this._change, this._forming);
    const boxes = [[first]];
    this._call = h("span");
    if (drawing.callsPane !== null) {
      (boxes[drawing.callsPane] ??= []).push(this._line(null, "P(UP)", "the model's calls", [this._call]));
    }
    this._cells = [];
    for (const study of drawing.studies) {
      const cells = study.columns.map((column) => {
        const cell = h("b", { title: column.suffix ? `${study.read.indicator.title}: ${column.suffix.slice(1).replaceAll("_", " ")}` : study.read.indicator.title });
        cell.style.color = column.style === "histogram" ? "" : column.color;
        this._cells.push({ cell, column });
        return cell;
      });
      (boxes[study.pane] ??= []).push(this._line(study.spec, labelOf(study.spec), study.read.indicator.title, cells));
    }
    this._boxes = boxes.map((lines) => h("div", { class: "legend" }, lines));
    this._layer.replaceChildren(...this._boxes.filter(Boolean));
    requestAnimationFrame(() => {
      for (const pane of drawing.chart.panes()) if (pane.getHTMLElement()) this._sizes.observe(pane.getHTMLElement());
      this.place();
    });
  }

  // Puts each box at the top of its pane, and the candles below it.
  place() {
    if (!this._drawing) return;
    this._drawing.leave(this._boxes[0].offsetHeight);
    const top = this._layer.getBoundingClientRect().top;
    const panes = this._drawing.chart.panes();
    this._boxes.forEach((box, i) => {
      const element = panes[i]?.getHTMLElement();
      if (element) box.style.top = `${Math.round(element.getBoundingClientRect().top - top)}px`;
    });
  }

  // Shows the values of bar i.
  show(i) {
    const bars = this._drawing?.bars;
    if (!bars || i < 0 || i >= bars.length) return;
    const { o, h: high, l, c, v, f, s, p, y } = bars.columns;
    const time = bars.t[i];
    text(this._time, bars.clock.full(time));
    attribute(this._canvas, "aria-label", `${bars.symbol}, candles of ${bars.interval}: ${bars.clock.full(time)}, close ${price(c[i], bars.decimals)}`);
    attribute(this._time, "title", bars.clock.utc(time));
    text(this._values.O, price(o[i], bars.decimals));
    text(this._values.H, price(high[i], bars.decimals));
    text(this._values.L, price(l[i], bars.decimals));
    text(this._values.C, price(c[i], bars.decimals));
    text(this._values.Vol, amount(v[i]));
    const before = i ? c[i - 1] : o[i];
    const change = c[i] / before - 1;
    text(this._change, `${signed(c[i] - before, bars.decimals)} (${percent(change)})`);
    attribute(this._change, "class", `change ${trend(change)}`);
    attribute(this._change, "title", i ? "since the close of the bar before" : "since this bar's open");
    this._forming.hidden = f ? Boolean(f[i]) : true;
    const call = s?.[i];
    text(this._call, call ? `${share(p[i])} ${NAMES[call]}${y?.[i] ? `, ${OUTCOMES[y[i]]}` : ""}` : "–");
    attribute(this._call, "class", call === 1 ? "up" : call === 2 ? "down" : "flat");
    for (const { cell, column } of this._cells) {
      const value = bars.column(column.name)?.[i];
      text(cell, value === null || value === undefined ? "–" : column.show(value));
    }
  }

  _line(spec, label, title, values) {
    const button = (name, sign, action) =>
      h("button", { type: "button", "aria-label": `${name} ${label}`, title: name, onclick: action }, sign);
    return h("p", { class: "study", title },
      h("span", { class: "name" }, label), values,
      h("span", { class: "tools" },
        spec && spec.includes("_") ? button("Change", "⋯", () => this._edit(spec)) : null,
        button(spec ? "Remove" : "Hide", "×", () => this._remove(spec))));
  }
}

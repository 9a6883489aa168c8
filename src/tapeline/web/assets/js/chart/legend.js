// The values at the top of each pane: those of the bar under the crosshair, otherwise of the newest.
import { attribute, h, text } from "../dom.js";
import { compact, percent, price, signed, signedPercent, trend } from "../format.js";
import { callStyle } from "../quoterow.js";
import { HOLD, NAMES, OUTCOMES } from "./calls.js";
import { LegendFold } from "./legendfold.js";
import { marksAt } from "./patternmarks.js";

export class Legend {
  // `edit(spec)` and `remove(spec)` are called by a study's buttons; remove(null) hides the calls.
  constructor(layer, canvas, { edit, remove }) {
    this._layer = layer;
    this._canvas = canvas;
    this._edit = edit;
    this._remove = remove;
    this._boxes = [];
    this._drawing = null;
    this._fold = new LegendFold(layer, () => this.place());
    this._sizes = new ResizeObserver(() => this.place());
  }

  // Builds the lines for what is drawn now.
  rebuild(drawing) {
    this._drawing = drawing;
    this._sizes.disconnect();
    this._time = h("span", { class: "time" });
    this._values = Object.fromEntries(["O", "H", "L", "C", "Vol"].map((name) => [name, h("b")]));
    this._change = h("span");
    this._forming = h("span", { class: "forming", title: "forming" }, "forming");
    this._odds = h("span", { class: "odds" });
    const first = h("p", {}, this._fold.button, this._time,
      Object.entries(this._values).map(([name, value]) => h("span", { class: name.toLowerCase() }, `${name} `, value)), this._change, this._forming, this._odds);
    const boxes = [[first]];
    const over = []; // the lines of indicators over the price
    this._call = h("span");
    if (drawing.callsPane !== null) {
      (boxes[drawing.callsPane] ??= []).push(this._line(null, "P(UP)", "the probability that the model gives to UP, and its call", [this._call]));
    }
    this._cells = [];
    this._marks = drawing.studies.filter(({ marks }) => marks);
    this._found = h("span");
    if (this._marks.length) {
      const remove = () => this._marks.forEach(({ spec }) => this._remove(spec));
      const line = this._line(null, "Patterns", this._marks.map(({ label }) => label).join(", "), [], true, remove);
      line.append(this._found); // after the buttons, which stay where they are as its width changes
      boxes[0].push(line);
      over.push(line);
    }
    for (const study of drawing.studies.filter(({ marks }) => !marks)) {
      const { title, parameters } = study.indicator;
      const cells = study.columns.map((column) => {
        const cell = h("b", { title: column.suffix ? `${title}: ${column.suffix.slice(1).replaceAll("_", " ")}` : title });
        cell.style.color = column.style === "histogram" ? "" : column.color;
        this._cells.push({ cell, column });
        return cell;
      });
      const line = this._line(study.spec, study.label, title, cells, parameters.length > 0 || study.columns.some(({ drawn }) => drawn));
      (boxes[study.pane] ??= []).push(line);
      if (study.pane === 0 && study.indicator.name !== "compare") over.push(line);
    }
    this._boxes = boxes.map((lines) => h("div", { class: "legend" }, lines));
    this._layer.replaceChildren(...this._boxes.filter(Boolean));
    this._fold.take(over);
    requestAnimationFrame(() => {
      for (const pane of drawing.chart.panes()) if (pane.getHTMLElement()) this._sizes.observe(pane.getHTMLElement());
      this.place();
    });
  }

  // Puts each box at the top of its pane, and the candles below it.
  place() {
    if (!this._drawing) return;
    this._fold.fit();
    this._drawing.leaveFree(this._boxes[0].offsetHeight);
    const top = this._layer.getBoundingClientRect().top;
    const panes = this._drawing.chart.panes();
    this._boxes.forEach((box, i) => {
      const element = panes[i]?.getHTMLElement();
      if (element) box.style.top = `${Math.round(element.getBoundingClientRect().top - top)}px`;
    });
  }

  // Shows the values of the bar with index i.
  show(i) {
    const { bars } = this._drawing;
    const { o: open, h: high, l: low, c: close, v: volume, f: final, s: calls, p: probability, y: outcomes } = bars.columns;
    const time = bars.t[i];
    text(this._time, bars.clock.full(time));
    attribute(this._canvas, "aria-label", `${bars.symbol}, candles of ${bars.interval}: ${bars.clock.full(time)}, close ${price(close[i], bars.decimals)}`);
    attribute(this._time, "title", bars.clock.utc(time));
    text(this._values.O, price(open[i], bars.decimals));
    text(this._values.H, price(high[i], bars.decimals));
    text(this._values.L, price(low[i], bars.decimals));
    text(this._values.C, price(close[i], bars.decimals));
    text(this._values.Vol, compact(volume[i]));
    const before = i ? close[i - 1] : open[i];
    const change = close[i] / before - 1;
    text(this._change, `${signed(close[i] - before, bars.decimals)} (${signedPercent(change)})`);
    attribute(this._change, "class", `change ${trend(change)}`);
    attribute(this._change, "title", i ? "since the previous bar's close" : "since this bar's open");
    this._forming.hidden = final[i] === 1;
    const call = calls?.[i]; // only candles of the stored interval carry calls
    text(this._call, call ? `${percent(probability[i])}, ${call === HOLD ? "no call" : NAMES[call]}${outcomes[i] ? `, ${OUTCOMES[outcomes[i]]}` : ""}` : "–");
    attribute(this._call, "class", callStyle(NAMES[call]));
    text(this._found, marksAt(this._marks, bars, i) || "–");
    for (const { cell, column } of this._cells) {
      text(cell, column.show(bars.column(column.name)?.[i])); // new bars may lack a study that the legend still has
    }
  }

  // Says the odds of the price under the crosshair.
  odds(words) {
    if (this._odds) text(this._odds, words);
  }

  _line(spec, label, title, values, changeable = false, remove = () => this._remove(spec)) {
    const button = (name, sign, action) =>
      h("button", { type: "button", "aria-label": `${name} ${label}`, title: name, onclick: action }, sign);
    return h("p", { class: "study", title },
      h("span", { class: "name" }, label), values,
      h("span", { class: "edits" },
        changeable && button("Change", "⋯", () => this._edit(spec)),
        button(spec || changeable ? "Remove" : "Hide", "×", remove)));
  }
}

// The dialog that says how the chart looks, what it is compared with, and where it goes.
import { mayChange, whoIs } from "../api.js";
import { dialog, fill, h, text } from "../dom.js";
import { toast } from "../toast.js";
import { COUNTS, LINKS } from "../layout.js";
import { savePicture, saveTable } from "./export.js";
import { SCALES, STYLES, change, look } from "./look.js";

// `chart` is the one in use, `layout` says how many there are; `arrange(count)` shows another number of them,
// `about()` opens the page about the symbol.
export function openMenu(chart, layout, arrange, about) {
  const radios = (name, title, labels) => h("fieldset", { class: "radios" }, h("legend", {}, title), Object.entries(labels).map(([value, label]) =>
    h("div", { class: "check" },
      h("input", { type: "radio", name, id: `${name}-${value}`, value, checked: look[name] === value, onchange: () => change({ [name]: value }) }),
      h("label", { for: `${name}-${value}` }, label))));
  const check = (name, label) => h("div", { class: "check" },
    h("input", { type: "checkbox", id: `look-${name}`, checked: look[name], onchange: (event) => change({ [name]: event.target.checked }) }),
    h("label", { for: `look-${name}` }, label));

  const problem = h("p", { class: "problem", role: "alert" });
  const compared = h("ul", { class: "chips" });
  const other = h("input", { id: "compare", placeholder: "Symbol", maxlength: "32", autocomplete: "off", autocapitalize: "characters", spellcheck: "false" });
  const scales = radios("scale", "Scale", SCALES);
  const list = () => {
    fill(compared, chart.compare.symbols.map((symbol) => h("li", {}, symbol,
      h("button", { type: "button", class: "icon", "aria-label": `Compare no more with ${symbol}`, onclick: () => { chart.compare.set(symbol, false); list(); } }, "×"))));
    const percents = chart.compare.symbols.some((symbol) => symbol !== chart.symbol); // prices of several symbols share no other scale
    for (const input of scales.querySelectorAll("input")) {
      input.disabled = percents && input.value === "normal";
      input.checked = input.value === (percents && look.scale === "normal" ? "percent" : look.scale);
    }
  };
  let added = Promise.resolve(); // one after another, in the order in which they were typed
  function compare(event) {
    event.preventDefault();
    const symbol = other.value.trim().toUpperCase();
    if (symbol) added = added.then(() => add(symbol));
  }
  async function add(symbol) {
    const wrong = await chart.compare.add(symbol);
    text(problem, wrong);
    if (wrong && !box.open) toast(wrong, "bad");
    if (!wrong && other.value.trim().toUpperCase() === symbol) other.value = "";
    list();
  }

  const counts = h("fieldset", { class: "radios layout" }, h("legend", {}, "Layout"), Object.entries(COUNTS).map(([count, label]) => h("div", { class: "check" },
    h("input", { type: "radio", name: "count", id: `count-${count}`, checked: layout.count === Number(count), onchange: () => arrange(Number(count)) }),
    h("label", { for: `count-${count}` }, label))),
  Object.entries(LINKS).map(([name, label]) => h("div", { class: "check" },
    h("input", { type: "checkbox", id: `link-${name}`, checked: layout.links[name], onchange: (event) => { layout.links[name] = event.target.checked; arrange(layout.count); } }),
    h("label", { for: `link-${name}` }, `${label} shared`))));
  const day = h("input", { type: "date", id: "go-to", required: true });
  function go(event) {
    event.preventDefault();
    chart.older.goToDay(chart.symbol, day.valueAsNumber);
    box.close();
  }

  const button = (label, run) => h("button", { type: "button", onclick: () => { box.close(); run(); } }, label);
  const alert = button("Alert at a price", () => chart.onChart.ask());
  alert.hidden = true;
  whoIs().then(() => { alert.hidden = !mayChange(); });
  const box = dialog("Chart", h("div", { class: "menu" },
    h("div", {}, radios("style", "Style", STYLES)), counts,
    h("div", {}, scales,
      h("fieldset", {}, h("legend", {}, "Show"),
        check("priceOnly", "Scale to the price only"), check("sessions", "Session breaks, extended hours"), check("values", "Data window"))),
    h("div", { class: "more-of-it" },
      h("form", { onsubmit: compare }, h("label", { for: "compare" }, "Compare with"), h("div", { class: "line" }, other, h("button", { type: "submit" }, "Compare")), problem, compared),
      h("form", { onsubmit: go }, h("label", { for: "go-to" }, "Go to date"), h("div", { class: "line" }, day, h("button", { type: "submit" }, "Go"))),
      h("div", { class: "line" }, alert, button("Picture", () => savePictureOf(chart)), button("CSV", () => saveTableOf(chart)), button("Full screen", () => fullScreen(chart)), button("About", about), button("Replay", () => chart.replay.toggle())))));
  list();
  return { box, other, day };
}

export function savePictureOf(chart) {
  if (chart.bars) savePicture(chart.drawing, `${chart.symbol} ${chart.interval} ${new Date(chart.bars.t.at(-1)).toISOString().slice(0, 10)}`, chart.root.querySelector("[data-part=legend]"));
}

function saveTableOf(chart) {
  if (chart.bars) saveTable(chart.bars);
}

export async function fullScreen(chart) {
  try {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await chart.root.requestFullscreen();
  } catch {
    toast("This browser does not let the page fill the screen.", "bad");
  }
}

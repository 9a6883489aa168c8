// How somebody wants an indicator's lines to look: colours and widths by output, and labels at the price scale.
import { h } from "../dom.js";
import { labelOf } from "./catalogue.js";
import { WIDTHS } from "./selection.js";

// The fields in which a style is chosen, and a function that reads them. `columns` are those of the drawn study, which has the
// colours of today; what is left as it is usually drawn is not kept, so that it still follows the theme.
export function styleFields({ columns }, style) {
  const lines = columns.filter(({ drawn, style: drawnAs }) => drawn && drawnAs !== "histogram").map(({ suffix, color, usual }, i) => {
    const name = suffix ? labelOf(suffix.slice(1)).toLowerCase() : "line";
    const own = style?.lines[suffix] ?? {};
    const hue = h("input", { type: "color", id: `line-color-${i}`, value: own.color ?? color, "aria-label": `Colour of ${name}` });
    const width = h("select", { "aria-label": `Width of ${name}` }, h("option", { value: "" }, "usual width"),
      WIDTHS.map((pixels) => h("option", { value: pixels, selected: own.width === pixels }, `${pixels} px`)));
    return { suffix, usual, hue, width, root: h("div", { class: "field" }, h("label", { for: hue.id }, name), hue, width) };
  });
  const label = h("input", { type: "checkbox", id: "line-label", checked: style?.label ?? false });
  const root = h("fieldset", {}, h("legend", {}, "Look"), lines.map((line) => line.root),
    lines.length > 0 && h("div", { class: "check" }, label, h("label", { for: "line-label" }, "Name and value at the price scale")),
    lines.length > 0 && h("button", { type: "button", onclick: reset }, "As usual"));
  function reset() {
    for (const { hue, width, usual } of lines) [hue.value, width.value] = [usual, ""];
    label.checked = false;
  }
  const read = () => ({
    label: label.checked,
    lines: Object.fromEntries(lines.map(({ suffix, usual, hue, width }) => [suffix, { color: hue.value === usual ? null : hue.value, width: Number(width.value) }])),
  });
  return { root, read };
}

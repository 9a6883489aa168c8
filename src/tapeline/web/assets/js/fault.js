// Shows what is wrong with the text of a field.
import { fill, h } from "./dom.js";

// Shows the message in `box`, with a mark under the characters in question where the fault has a place in the text; null
// shows nothing.
export function showFault(field, box, fault, typed = "") {
  field.toggleAttribute("aria-invalid", fault !== null);
  if (fault === null) {
    fill(box);
    return;
  }
  const { message, place, length } = fault;
  const marked = Math.max(1, length);
  const inside = place <= typed.length; // undefined where it is not the text's fault
  fill(box, inside && h("pre", { "aria-hidden": "true" }, `${typed}\n${" ".repeat(place)}${"^".repeat(marked)}`), h("span", {}, message));
  if (inside) field.setSelectionRange(place, place + marked);
}

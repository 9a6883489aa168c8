// Elements. All text goes through text nodes, so nothing that a server says can become markup.

const SVG = "http://www.w3.org/2000/svg";

// h("button", { class: "x", onclick: f, "aria-label": "y" }, "text", child, [more]). Children that are null or false are left out.
export function h(tag, properties = {}, ...children) {
  return build(document.createElement(tag), properties, children);
}

// The same for SVG.
export function svg(tag, properties = {}, ...children) {
  return build(document.createElementNS(SVG, tag), properties, children);
}

function build(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (missing(value)) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  return fill(element, children);
}

// Replaces the children of an element.
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => !missing(child)));
  return element;
}

const missing = (value) => value === null || value === undefined || value === false;

// Sets the text or an attribute only where it differs, so that a thousand rows a second stay cheap.
export function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

export function attribute(element, name, value) {
  if (missing(value)) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

// Opens a modal dialog with a heading and a close button; closing removes it from the page.
export function dialog(title, ...children) {
  const heading = h("h2", { id: "dialog-title" }, title);
  const close = h("button", { type: "button", class: "icon", "aria-label": "Close", onclick: () => box.close() }, "×");
  const box = h("dialog", { "aria-labelledby": "dialog-title" }, h("header", {}, heading, close), ...children);
  box.addEventListener("close", () => box.remove());
  box.addEventListener("click", (event) => event.target === box && box.close());
  document.body.append(box);
  box.showModal();
  return box;
}

// Whether a field or a dialog has the keyboard. A dialog that was closed keeps the focus a moment longer, and no more than that.
export function keyboardTaken(element) {
  if (document.querySelector("dialog[open]")) return true;
  return !element.closest("dialog") && element.closest("input, select, textarea") !== null;
}

// Asks before something is changed; resolves to true or false.
export function confirmed(question, detail, action) {
  return new Promise((resolve) => {
    let agreed = false;
    const agree = h("button", { type: "button", class: "primary", onclick: () => { agreed = true; box.close(); } }, action);
    const box = dialog(question, h("p", {}, detail),
      h("footer", {}, h("button", { type: "button", onclick: () => box.close() }, "Cancel"), agree));
    box.addEventListener("close", () => resolve(agreed));
    agree.focus();
  });
}

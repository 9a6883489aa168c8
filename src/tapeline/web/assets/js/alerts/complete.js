// Completion of names and symbols while a rule or a list of columns is typed.
import { get, outcome } from "../api.js";
import { attribute, fill, h } from "../dom.js";

const MOST = 8;
const SYMBOLS_NEXT = /(?:^|\s)for\s+(?:[^\s,()]+\s*,\s*)*$/i;
const TIME_NEXT = /\bno\s+bar\s+for\s+$/i;
const WHOLE = /[\d%]\s*$/; // after a number, and after a name that ends with one, no name begins
const WORDS = new Set("and bar bars band below above crosses down falls final for forming hold hour in its leaves mean no of on or quiet reset rises session the to up with".split(" "));

// What may stand in place of the word before the caret: a list of { name, about }. `names` are [{ name, about }], `symbols`
// stand after `for`.
export function completions(text, caret, names, symbols) {
  const { word, before } = wordAt(text, caret);
  if (SYMBOLS_NEXT.test(before) && !TIME_NEXT.test(before)) {
    return ranked(symbols.map((name) => ({ name, about: "" })), word.toUpperCase());
  }
  return isNameBegun(word, before) ? ranked(names, word.toLowerCase()) : [];
}

// Whether the word may become a name: numbers and the words between the names stay as they are.
function isNameBegun(word, before) {
  return /^[a-z]/i.test(word) && !WORDS.has(word.toLowerCase()) && !WHOLE.test(before);
}

// The word that ends at the caret, and what stands before it.
export function wordAt(text, caret) {
  const before = text.slice(0, caret);
  const [word] = /[^\s,()<>=*×%]*$/.exec(before);
  return { word, before: before.slice(0, before.length - word.length) };
}

// Names that begin with the word come first, then those of which a part does, then those that are described with it.
function ranked(names, word) {
  if (names.some(({ name }) => name === word)) return [];
  const rank = ({ name, about }) => {
    if (name.startsWith(word)) return 0;
    if (name.includes(`_${word}`)) return 1;
    return word.length > 1 && about.toLowerCase().includes(word.toLowerCase()) ? 2 : 3;
  };
  return [0, 1, 2].flatMap((wanted) => names.filter((name) => rank(name) === wanted)).slice(0, MOST);
}

let asked = null; // the promise of the names that rules may read, the same for every field

function ruleNames() {
  asked ??= outcome(get("/alerts/names")).then(({ value }) => {
    if (!value) asked = null;
    return value?.names ?? [];
  });
  return asked;
}

export class Completion {
  // Completes what is typed into `field`; `symbols()` gives those there are. `root` is where the list stands.
  constructor(field, symbols = () => []) {
    this._field = field;
    this._symbols = symbols;
    this._found = [];
    this._active = -1;
    this._turn = 0; // counts what was typed and left, so that names which arrive late are offered for neither
    this.root = h("ul", { class: "completions", role: "listbox", id: `${field.id}-names`, "aria-label": "Names", hidden: true });
    for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-controls": this.root.id, "aria-expanded": "false" })) attribute(field, name, value);
    field.addEventListener("input", () => this._offer());
    field.addEventListener("keydown", (event) => this._key(event));
    let pressed = false;
    addEventListener("mousedown", () => { pressed = true; }, { capture: true });
    addEventListener("mouseup", () => { pressed = false; }, { capture: true });
    field.addEventListener("blur", () => {
      if (pressed) addEventListener("mouseup", () => setTimeout(() => document.activeElement === field || this._close()), { once: true }); // what is pressed must not move away before
      else this._close();
    });
  }

  async _offer() {
    this._active = -1;
    const turn = ++this._turn;
    const names = await ruleNames();
    if (document.activeElement !== this._field || turn !== this._turn) return;
    this._found = completions(this._field.value, this._field.selectionStart, names, this._symbols());
    this._draw();
  }

  _close() {
    this._turn++;
    this._found = [];
    this._draw();
  }

  _key(event) {
    if (event.key === "Enter" && this._active < 0) this._close(); // the form is sent
    if (!this._found.length) return;
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) this._active = (this._active + by + this._found.length) % this._found.length;
    else if (event.key === "Tab" && !event.shiftKey) this._take(this._found[Math.max(this._active, 0)].name);
    else if (event.key === "Enter") this._take(this._found[this._active].name);
    else if (event.key === "Escape") this._close();
    else return;
    event.preventDefault();
    if (by) this._draw();
  }

  _take(name) {
    const { value, selectionStart: caret } = this._field;
    const { before } = wordAt(value, caret);
    this._field.value = before + name + value.slice(caret);
    this._field.setSelectionRange(before.length + name.length, before.length + name.length);
    this._close();
    this._field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  _draw() {
    this.root.hidden = this._found.length === 0;
    attribute(this._field, "aria-expanded", String(!this.root.hidden));
    attribute(this._field, "aria-activedescendant", this._active < 0 ? null : `${this.root.id}-${this._active}`);
    fill(this.root, this._found.map(({ name, about }, i) => h("li", {
      role: "option", id: `${this.root.id}-${i}`, "aria-selected": String(i === this._active),
      onmousedown: (event) => { event.preventDefault(); this._take(name); }, // before the field loses the keyboard
    }, h("code", {}, name), h("span", {}, about))));
  }
}

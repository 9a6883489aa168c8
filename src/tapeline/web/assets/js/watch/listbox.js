// The choice among the user's watch-lists, and the dialog that edits them.
import { keep, recall } from "../desk.js";
import { confirmed, dialog, fill, h, text } from "../dom.js";
import { showFault } from "../fault.js";
import { faultIn } from "./columns.js";
import { linesOf, movedBefore, movedBy, usableLists } from "./lists.js";

const ALL = "All symbols";

export class ListBox {
  // `root` is its element; `changed()` hears that another list or other columns are wanted.
  constructor(root, changed) {
    this._changed = changed;
    this._kept = usableLists({});
    this._select = h("select", { "aria-label": "List", disabled: true, onchange: () => this._choose(this._select.value || null) });
    this._edit = h("button", { type: "button", disabled: true, onclick: () => this.edit() }, "Lists");
    fill(root, this._select, this._edit);
    this._draw();
  }

  // Asks for what this user kept.
  async load() {
    this._kept = usableLists(await recall("watchlists"));
    this._select.disabled = this._edit.disabled = false; // a change before would replace what was kept
    this._draw();
    this._changed();
  }

  // Takes rows that are dropped on another one in this element, or on a group.
  takeDrops(rows) {
    rows.addEventListener("dragover", (event) => this.lines && event.preventDefault());
    rows.addEventListener("drop", (event) => {
      const symbol = event.dataTransfer.getData("text/plain");
      const before = event.target.closest("li")?.dataset;
      if (this.lines?.includes(symbol)) this.put(symbol, before?.symbol ?? before?.group ?? null);
    });
  }

  // The lines of the list that is chosen, null for all symbols.
  get lines() {
    return this._list?.lines ?? null;
  }

  // The names of the columns that are wanted beside the usual ones.
  get columns() {
    return this._kept.columns;
  }

  // Puts a symbol before another line of the list; null: at its end.
  put(symbol, before) {
    this._write(movedBefore(this.lines, symbol, before));
  }

  move(symbol, by) {
    this._write(movedBy(this.lines, symbol, by));
  }

  drop(symbol) {
    this._write(this.lines.filter((line) => line !== symbol));
  }

  // Opens the dialog: the chosen list, or a new one.
  edit() {
    const list = this._list;
    const name = h("input", { id: "list-name", value: list?.name ?? "", maxlength: "40", placeholder: "A new list", autocomplete: "off" });
    const lines = h("textarea", { id: "list-lines", rows: "12", spellcheck: "false", placeholder: "# Technology\nAAPL\nMSFT" });
    lines.value = (list?.lines ?? []).join("\n");
    const columns = h("input", { id: "list-columns", value: this._kept.columns, maxlength: "300", placeholder: "rsi_14, volume, p_touched(150, 5)", autocomplete: "off", spellcheck: "false", "aria-describedby": "list-fault", oninput: () => showFault(columns, fault, null) });
    const fault = h("div", { class: "rule-error", id: "list-fault", role: "alert" });
    const problem = h("p", { class: "problem", role: "alert" });
    const save = async (event) => {
      event.preventDefault();
      const called = name.value.trim();
      const others = this._kept.lists.filter((other) => other !== list);
      text(problem, "");
      if (!called && lines.value.trim()) text(problem, "The list needs a name.");
      else if (called === ALL || others.some((other) => other.name === called)) text(problem, "There is a list of that name.");
      else {
        const typed = columns.value;
        const wrong = await faultIn(typed);
        if (!box.open || columns.value !== typed) return; // left, or typed on
        showFault(columns, fault, wrong, typed);
        if (wrong) {
          columns.focus();
          return;
        }
        const lists = called ? [...others, { name: called, lines: linesOf(lines.value) }] : this._kept.lists;
        this._keep({ lists: lists.toSorted((a, b) => (a.name < b.name ? -1 : 1)), chosen: called || this._kept.chosen, columns: columns.value.trim() });
        box.close();
      }
    };
    const remove = async () => {
      box.close();
      if (await confirmed(`Delete the list ${list.name}?`, "Its symbols stay.", "Delete")) this._keep({ ...this._kept, lists: this._kept.lists.filter((other) => other !== list), chosen: null });
    };
    const box = dialog(list ? "Edit the list" : "A new list", h("form", { class: "interval lists-form", onsubmit: save },
      h("label", { for: "list-name" }, "Name"), name,
      h("label", { for: "list-lines" }, "Symbols in their order, and groups after #"), lines,
      h("label", { for: "list-columns" }, "Columns in every list, as rules name them"), columns, fault, problem,
      h("footer", {}, list && h("button", { type: "button", onclick: remove }, "Delete"), h("button", { type: "submit", class: "primary" }, "Save"))));
    name.focus();
  }

  get _list() {
    return this._kept.lists.find(({ name }) => name === this._kept.chosen);
  }

  _choose(name) {
    this._keep({ ...this._kept, chosen: name });
  }

  _write(lines) {
    const list = this._list;
    this._keep({ ...this._kept, lists: this._kept.lists.map((other) => (other === list ? { ...list, lines } : other)) });
  }

  _keep(kept) {
    this._kept = kept;
    keep("watchlists", kept);
    this._draw();
    this._changed();
  }

  _draw() {
    const { lists, chosen } = this._kept;
    fill(this._select, h("option", { value: "", selected: chosen === null }, ALL), lists.map(({ name }) => h("option", { value: name, selected: name === chosen }, name)));
  }
}

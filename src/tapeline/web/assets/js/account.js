// Who uses the page: the buttons to log in and out, and what this user may do.
import { mayChange, session, whenDenied } from "./api.js";
import { attribute } from "./dom.js";
import { logOut, showLogin } from "./login.js";

export class Account {
  // `find(name)` gives the buttons; `changed()` hears that somebody else uses the page.
  constructor(find, changed) {
    this._out = find("logout");
    this._in = find("login");
    this._changed = changed;
    this._out.addEventListener("click", logOut);
    this._in.addEventListener("click", () => this.logIn());
    whenDenied(() => this.logIn());
  }

  // Shows what the session says.
  show() {
    const { name, role } = session;
    this._changed();
    this._out.hidden = !name;
    attribute(this._out, "title", name ? `${name}, ${role}. Log out` : "Log out");
    this._in.hidden = role !== "viewer" || Boolean(name);
    attribute(document.body, "data-role", mayChange() ? "admin" : role ?? "none");
  }

  logIn() {
    showLogin(() => location.reload());
  }
}

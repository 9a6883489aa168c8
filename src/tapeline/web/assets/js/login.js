// Logging in and out.
import { del, outcome, post, readSession, session } from "./api.js";
import { h, text } from "./dom.js";
import { toast } from "./toast.js";

let form = null;

// Shows the form unless it is open. `done` is called after a log-in.
export function showLogin(done) {
  if (form) return;
  const problem = h("p", { class: "problem", role: "alert" });
  const name = h("input", { id: "login-name", name: "username", autocomplete: "username", autocapitalize: "none", spellcheck: "false" });
  const secret = h("input", { id: "login-secret", name: "password", type: "password", autocomplete: "current-password", required: true });
  const button = h("button", { type: "submit", class: "primary" }, "Log in");

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    text(problem, "");
    const user = name.value.trim();
    const login = post("/session", user ? { name: user, password: secret.value } : { token: secret.value });
    const { error } = await outcome(login.then(readSession));
    button.disabled = false;
    if (error) {
      text(problem, error.message);
      secret.select();
      return;
    }
    form?.close();
    done();
  }

  form = h("dialog", { class: "login", "aria-labelledby": "login-title" }, h("form", { onsubmit: submit },
    h("h2", { id: "login-title" }, "Log in"),
    h("div", { class: "field" }, h("label", { for: "login-name" }, "Name"), name),
    h("div", { class: "field" }, h("label", { for: "login-secret" }, "Password"), secret),
    h("p", { class: "note" }, "To use an access token, leave the name empty."),
    problem, button));
  if (session.role === null) form.addEventListener("cancel", (event) => event.preventDefault()); // strangers see nothing
  form.addEventListener("close", () => {
    form?.remove();
    form = null;
  });
  document.body.append(form);
  form.showModal();
  name.focus();
}

export async function logOut() {
  const { error } = await outcome(del("/session"));
  if (error) toast(`Still logged in: ${error.message}.`, "bad");
  else location.reload();
}

// The log-in form, and leaving again.
import { ApiError, del, post, readSession, session } from "./api.js";
import { h, text } from "./dom.js";
import { toast } from "./toast.js";

let open = null;

// Shows the form unless it is there. `done` is called after a log-in.
export function showLogin(done) {
  if (open) return;
  const problem = h("p", { class: "problem", role: "alert" });
  const name = h("input", { id: "login-name", name: "username", autocomplete: "username", autocapitalize: "none", spellcheck: "false" });
  const secret = h("input", { id: "login-secret", name: "password", type: "password", autocomplete: "current-password", required: true });
  const button = h("button", { type: "submit", class: "primary" }, "Log in");
  open = h("dialog", { class: "login", "aria-labelledby": "login-title" },
    h("form", {
      onsubmit: async (event) => {
        event.preventDefault();
        button.disabled = true;
        text(problem, "");
        try {
          const user = name.value.trim();
          await post("/session", user ? { name: user, password: secret.value } : { token: secret.value });
          await readSession();
          close();
          done();
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          text(problem, error.status === 401 ? error.message || "The name or the password is wrong." : error.message);
          secret.select();
        } finally {
          button.disabled = false;
        }
      },
    },
    h("h2", { id: "login-title" }, "Log in"),
    h("div", { class: "field" }, h("label", { for: "login-name" }, "Name"), name),
    h("div", { class: "field" }, h("label", { for: "login-secret" }, "Password"), secret),
    h("p", { class: "note" }, "With an access token, leave the name empty."),
    problem, button));
  if (session.role === null) open.addEventListener("cancel", (event) => event.preventDefault()); // nothing to see without
  open.addEventListener("close", () => {
    open?.remove();
    open = null;
  });
  document.body.append(open);
  open.showModal();
  name.focus();
}

function close() {
  open?.close();
}

export async function logOut() {
  try {
    await del("/session");
    location.reload();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    toast(`Still logged in: ${error.message}.`, "bad");
  }
}

// Show every operation of the API from its own description, with a form that sends it. No other host is asked.

const API = "../api/v1";
const CHANGES = new Set(["post", "put", "patch", "delete"]);
const MOST_SHOWN = 20_000; // characters of an answer

const make = (tag, attributes = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), attributes);
  node.append(...children.filter((child) => child !== null));
  return node;
};

let description = null;

/** Return a schema with its reference followed. */
const followed = (schema) => {
  if (!schema?.$ref) return schema ?? {};
  return schema.$ref.slice(2).split("/").reduce((found, name) => found[name], description);
};

/** Return what a value of this schema may look like, for a request's body. */
const example = (schema) => {
  const own = followed(schema);
  if (own.examples?.length) return own.examples[0];
  if (own.default !== undefined) return own.default;
  if (own.anyOf) return example(own.anyOf[0]);
  if (own.type === "object") {
    return Object.fromEntries(Object.entries(own.properties ?? {}).map(([name, each]) => [name, example(each)]));
  }
  return { array: [], boolean: false, integer: 0, number: 0 }[own.type] ?? "";
};

/** Return the input for a parameter: a choice where there are few values, otherwise a field. */
const input = (parameter, id) => {
  const schema = followed(parameter.schema);
  const kinds = [schema, ...(schema.anyOf ?? []).map(followed)];
  const values = kinds.find((each) => each.enum)?.enum ?? (kinds.some((each) => each.type === "boolean") ? ["true", "false"] : null);
  const shown = schema.examples?.[0] ?? parameter.example ?? schema.default ?? "";
  if (values) {
    return make("select", { id }, make("option", { value: "", textContent: "" }), ...values.map((value) => make("option", { textContent: value })));
  }
  const field = make("input", { id, placeholder: String(shown), autocomplete: "off" });
  if (parameter.required) field.value = String(shown);
  return field;
};

/** Send a request and show its answer; a change carries the token that the server asks for. */
const send = async (method, url, body, shown) => {
  shown.textContent = "…";
  const headers = body ? { "Content-Type": "application/json" } : {};
  try {
    if (CHANGES.has(method)) {
      const session = await (await fetch(`${API}/session`)).json();
      if (session.csrf) headers["X-CSRF-Token"] = session.csrf;
    }
    const began = performance.now();
    const answer = await fetch(url, { method: method.toUpperCase(), headers, body });
    const kind = answer.headers.get("content-type") ?? "";
    const head = `${answer.status} ${answer.statusText}  ${kind}  ${Math.round(performance.now() - began)} ms`;
    if (kind.startsWith("text/event-stream")) {
      const { value } = await answer.body.getReader().read();
      shown.textContent = `${head}\n\n${new TextDecoder().decode(value).slice(0, MOST_SHOWN)}…`;
    } else if (/json|text|csv/.test(kind)) {
      const text = await answer.text();
      const whole = kind.includes("json") ? JSON.stringify(JSON.parse(text), null, 1) : text;
      shown.textContent = `${head}\n\n${whole.slice(0, MOST_SHOWN)}${whole.length > MOST_SHOWN ? "…" : ""}`;
    } else {
      const bytes = (await answer.arrayBuffer()).byteLength;
      shown.textContent = bytes ? `${head}\n\n${bytes.toLocaleString("en")} bytes` : head;
    }
  } catch (error) {
    shown.textContent = `no answer: ${error.message}`;
  }
};

/** Return an operation as a part that opens: what it does, its form, and its answer. */
const part = (path, method, operation) => {
  const id = `${method}${path}`.replace(/\W+/g, "-");
  const parameters = (operation.parameters ?? []).filter((each) => each.in !== "header");
  const fields = parameters.map((parameter, index) => [parameter, input(parameter, `${id}-${index}`)]);
  const content = operation.requestBody?.content?.["application/json"];
  const body = content ? make("textarea", { value: JSON.stringify(example(content.schema), null, 2), ariaLabel: "Body" }) : null;
  const address = make("pre", { tabIndex: 0, ariaLabel: "The address" });
  const shown = make("pre", { tabIndex: 0, ariaLabel: "The answer", hidden: true });
  shown.setAttribute("aria-live", "polite");

  const url = () => {
    let found = path;
    const query = new URLSearchParams();
    for (const [parameter, field] of fields) {
      if (parameter.in === "path") found = found.replace(`{${parameter.name}}`, encodeURIComponent(field.value));
      else if (field.value !== "") query.set(parameter.name, field.value);
    }
    return `..${found}${query.size ? `?${query}` : ""}`;
  };
  const say = () => { address.textContent = `${method.toUpperCase()} ${new URL(url(), location.href)}`; };

  const form = make("form", {}, make("div", { className: "inputs" }, ...fields.flatMap(([parameter, field]) => [
    make("label", { htmlFor: field.id, textContent: parameter.name + (parameter.required ? " *" : "") }), field,
    parameter.description ? make("p", { textContent: parameter.description }) : null,
  ].filter(Boolean))), body, address, make("button", { textContent: "Send" }));
  form.addEventListener("input", say);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    shown.hidden = false;
    send(method, url(), body?.value, shown);
  });
  say();
  return make("details", { id },
    make("summary", {}, make("b", { textContent: method.toUpperCase() }), make("code", { textContent: path }), operation.summary ?? ""),
    make("p", { textContent: operation.description ?? "" }), form, shown);
};

const show = async () => {
  const main = document.getElementById("operations");
  const answer = await fetch(`${API}/openapi.json`);
  main.removeAttribute("aria-busy");
  if (!answer.ok) {
    const login = answer.status === 401 ? "Log in on the page first." : (await answer.text());
    main.replaceChildren(make("p", { textContent: login }));
    return;
  }
  description = await answer.json();
  const groups = new Map();
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] ?? "more";
      groups.set(tag, [...(groups.get(tag) ?? []), part(path, method, operation)]);
    }
  }
  main.replaceChildren(...[...groups].map(([tag, parts]) => make("section", {}, make("h2", { textContent: tag }), ...parts)));
};

document.getElementById("find").addEventListener("input", ({ target }) => {
  const wanted = target.value.toLowerCase();
  for (const each of document.querySelectorAll("details")) each.hidden = !each.textContent.toLowerCase().includes(wanted);
  for (const each of document.querySelectorAll("section")) each.hidden = !each.querySelector("details:not([hidden])");
});

show();

// Writes the service's own OpenAPI description as a page.

/** An element with text or children. */
function make(name, ...children) {
  const element = document.createElement(name);
  element.append(...children);
  return element;
}

function table(heading, rows) {
  const head = make("tr", ...heading.map((text) => make("th", text)));
  const body = rows.map((cells) => make("tr", ...cells.map((cell) => make("td", cell))));
  const box = make("div", make("table", make("thead", head), make("tbody", ...body)));
  box.className = "scroll";
  return box;
}

function values(schema, components) {
  const name = schema.$ref?.split("/").at(-1);
  const resolved = name ? components[name] : schema;
  if (resolved.enum) return resolved.enum.join(", ");
  if (resolved.anyOf) return resolved.anyOf.map((one) => values(one, components)).filter((text) => text !== "null").join(", ");
  return resolved.type ?? "";
}

function operation(method, path, { description = "", parameters = [], requestBody, responses }, components) {
  const badge = make("span", method.toUpperCase());
  badge.className = "method";
  const parts = [make("h2", badge, make("code", path)), make("p", description)];
  if (parameters.length > 0) {
    const rows = parameters.map(({ name, schema, description: text = "" }) =>
      [make("code", name), values(schema, components), String(schema.default ?? "–"), text]);
    parts.push(make("h3", "Options, in the query"), table(["name", "values", "default", "meaning"], rows));
  }
  if (requestBody) {
    const kinds = Object.keys(requestBody.content).join(", ");
    parts.push(make("h3", "Body"), make("p", requestBody.description ?? ""), make("p", make("code", kinds)));
  }
  const rows = Object.entries(responses).map(([status, { description: text, content = {} }]) =>
    [make("code", status), text, make("code", Object.keys(content).join(", "))]);
  parts.push(make("h3", "Answers"), table(["status", "meaning", "type"], rows));
  return make("section", ...parts);
}

const answer = await fetch("/openapi.json");
const { paths, components = {} } = await answer.json();
document.getElementById("address").textContent = location.origin;
document.getElementById("operations").replaceChildren(
  ...Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, description]) => operation(method, path, description, components.schemas ?? {}))),
);

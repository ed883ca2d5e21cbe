head(["Try it", "./"], ["openapi.json", "openapi.json"]);

// A schema as a person would write the type.
function written(schema, indent = "") {
  const known = resolve(schema);
  if (known.enum) return known.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (known.anyOf) return known.anyOf.map((each) => written(each, indent)).join("\n" + indent + "or ");
  if (known.prefixItems) return "[" + known.prefixItems.map((item) => written(item, indent)).join(", ") + "]";
  if (known.type === "array") {
    const exact = known.minItems !== undefined && known.minItems === known.maxItems;
    return "list of " + (exact ? known.minItems + " " : "") + written(known.items, indent);
  }
  if (known.type === "object" && known.properties) {
    const required = new Set(known.required || []);
    const lines = Object.entries(known.properties).map(
      ([name, field]) => indent + "  " + name + (required.has(name) ? "" : "?") + ": " + written(field, indent + "  "));
    return "{\n" + lines.join("\n") + "\n" + indent + "}";
  }
  const format = known.format || (known.contentEncoding ? known.contentEncoding : "");
  return (known.type || "any") + (format ? " (" + format + ")" : "");
}

function bodies(label, content) {
  const parts = [];
  const kinds = Object.keys(content || {});
  if (!kinds.length) return parts;
  parts.push(element("h3", {}, label + " · " + kinds.join(", ")));
  const media = content["application/json"] || content[kinds[0]];
  if (media.schema) parts.push(element("pre", {}, written(media.schema)));
  if (media.example !== undefined)
    parts.push(element("h3", {}, "Example"), element("pre", {}, pretty(media.example)));
  return parts;
}

function card({ path, verb, operation }) {
  const responses = operation.responses || {};
  const failures = Object.entries(responses).filter(([status]) => status !== "200");
  const rows = failures.map(([status, each]) =>
    element("tr", {}, element("td", {}, status), element("td", {}, each.description || "")));
  const ending = rows.length ? [element("h3", {}, "Errors"), element("table", {}, ...rows)] : [];
  return element("section", {},
    title(verb, path),
    element("p", { className: "soft" }, operation.description || operation.summary || ""),
    ...bodies("Request", (operation.requestBody || {}).content),
    ...bodies("Answer", (responses["200"] || {}).content),
    ...ending);
}

main.append(...operations().map(card));

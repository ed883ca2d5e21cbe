"use strict";
const contract = JSON.parse(document.getElementById("document").textContent);
const main = document.getElementById("main");

// Everything from outside becomes text, never markup.
function element(name, properties, ...children) {
  const made = document.createElement(name);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

function resolve(schema) {
  const reference = schema && schema.$ref;
  if (!reference || !reference.startsWith("#/")) return schema || {};
  return reference.slice(2).split("/").reduce((found, part) => (found || {})[part], contract) || {};
}

function head(...links) {
  document.title = contract.info.title;
  const pages = links.map(([text, href]) => element("a", { href }, text));
  main.append(element("h1", {}, contract.info.title));
  if (contract.info.description) main.append(element("p", { className: "soft" }, contract.info.description));
  main.append(element("nav", {}, ...pages));
}

function operations() {
  const found = [];
  for (const [path, verbs] of Object.entries(contract.paths))
    for (const [verb, operation] of Object.entries(verbs)) found.push({ path, verb, operation });
  return found;
}

function title(verb, path) {
  return element("h2", {}, element("span", { className: "verb" }, verb.toUpperCase()), path);
}

// A value that the schema admits, for where nothing was recorded.
function example(schema, depth = 0) {
  const known = resolve(schema);
  if (known.example !== undefined) return known.example;
  if (known.default !== undefined) return known.default;
  if (known.enum) return known.enum[0];
  if (known.anyOf) return example(known.anyOf[0], depth);
  if (depth > 6) return null;
  if (known.prefixItems) return known.prefixItems.map((item) => example(item, depth + 1));
  if (known.type === "array") {
    const size = Math.min(known.minItems ?? 1, 8);
    return Array.from({ length: size }, () => example(known.items, depth + 1));
  }
  if (known.type === "object")
    return Object.fromEntries(
      Object.entries(known.properties || {}).map(([name, field]) => [name, example(field, depth + 1)])
    );
  return { string: "", integer: 0, number: 0, boolean: false }[known.type] ?? null;
}

// JSON for people: short lists of plain values stay on one line.
function pretty(value, indent = "") {
  const flat = JSON.stringify(value) ?? "";
  if (value === null || typeof value !== "object") return flat;
  if (flat.length <= 72)
    return flat.replace(/([,:])(?=(?:[^"\\]|\\.|"(?:[^"\\]|\\.)*")*$)/g, "$1 ");
  const deeper = indent + "  ";
  const isList = Array.isArray(value);
  const parts = Object.entries(value).map(
    ([key, item]) => deeper + (isList ? "" : JSON.stringify(key) + ": ") + pretty(item, deeper)
  );
  return (isList ? "[" : "{") + "\n" + parts.join(",\n") + "\n" + indent + (isList ? "]" : "}");
}

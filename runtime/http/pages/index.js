head(["Reference", "docs"], ["openapi.json", "openapi.json"], ["Metrics", "metrics"], ["Health", "readyz"]);

function card({ path, operation }) {
  const content = (operation.requestBody || {}).content || {};
  const json = content["application/json"] || {};
  const given = json.example !== undefined ? json.example : example(json.schema);
  const text = pretty(shortened(given));
  const rows = Math.min(18, Math.max(5, text.split("\n").length + 1));
  const input = element("textarea", { value: text, rows, spellcheck: false, ariaLabel: "Body for " + path });
  const button = element("button", { type: "button" }, "Send");
  const state = element("span", { className: "soft" }, "Ctrl + Enter");
  const output = element("pre", { hidden: true });
  const curl = element("pre", {});
  const show = () => { curl.textContent = command(path, input.value); };
  button.onclick = () => send(path, input.value, { button, state, output });
  input.onkeydown = (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) button.click(); };
  input.oninput = show;
  show();
  return element("section", {},
    title("post", path),
    element("p", { className: "soft" }, operation.description || operation.summary || ""),
    input,
    element("div", { className: "row" }, button, state),
    output,
    element("h3", {}, "The same from a shell"),
    curl);
}

async function send(path, body, { button, state, output }) {
  button.disabled = true;
  state.className = "soft";
  state.textContent = "…";
  const began = performance.now();
  try {
    const answer = await fetch(address(path), { method: "POST", headers: { "content-type": "application/json" }, body });
    const text = await answer.text();
    state.className = answer.ok ? "good" : "bad";
    state.textContent = answer.status + " in " + Math.round(performance.now() - began) + " ms";
    output.textContent = shown(text);
    output.hidden = false;
  } catch (error) {
    state.className = "bad";
    state.textContent = "The server does not answer.";
  }
  button.disabled = false;
}

function shown(text) {
  try { return pretty(JSON.parse(text)); } catch (error) { return text; }
}

/* One row is enough to begin with; the reference shows them all. */
function shortened(given) {
  const rows = given && given.instances;
  return Array.isArray(rows) ? { ...given, instances: rows.slice(0, 1) } : given;
}

// A proxy may have put the server below a prefix, which only the address of this page knows.
function address(path) {
  return new URL("." + path, document.baseURI).href;
}

function command(path, body) {
  let compact = body;
  try { compact = JSON.stringify(JSON.parse(body)); } catch (error) { /* as it was typed */ }
  const quoted = "'" + compact.replaceAll("'", "'\\''") + "'";
  return "curl " + address(path) + " \\\n  -H 'content-type: application/json' \\\n  -d " + quoted;
}

main.append(...operations().filter(({ verb }) => verb === "post").map(card));

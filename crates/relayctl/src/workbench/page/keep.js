// What one takes away: JSON, CSV, a curl line, and a link that asks the same again.

import { docs, findingOf, state } from "./findings.js";
import { el } from "./dom.js";

function save(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const anchor = el("a", { href: url, download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function whole() {
  return {
    observables: state.observables.map((one, at) => ({ ...one, relays: state.relays.map((relay) => findingOf(at, relay)).filter(Boolean) })),
  };
}

// A cell that no spreadsheet takes for a formula.
function cell(value) {
  const text = String(value ?? "");
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function csv() {
  const rows = [["type", "value", "relay", "time", "severity", "title", "devices and accounts", "source", "link"]];
  state.observables.forEach((one, at) => {
    for (const relay of state.relays) {
      for (const sighting of docs(findingOf(at, relay), "sightings")) {
        const targets = (sighting.targets ?? []).flatMap((target) => target.observables ?? []).map((target) => target.value);
        rows.push([one.type, one.value, relay, sighting.observed_time?.start_time, sighting.severity, sighting.title, targets.join(" "), sighting.source, sighting.source_uri]);
      }
    }
  });
  return rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curl(relay) {
  const url = `${String(relay.url).replace(/\/$/, "")}/observe/observables`;
  return `curl -s ${quoted(url)} -H "Authorization: Bearer $TOKEN" -d ${quoted(JSON.stringify(state.observables))}`;
}

// The question is in the fragment, which browsers do not send.
function again() {
  const question = { observables: state.observables.map(({ type, value }) => [type, value]), relays: state.relays };
  return `${location.href.split("#")[0]}#ask=${encodeURIComponent(JSON.stringify(question))}`;
}

export function restored() {
  if (!location.hash.startsWith("#ask=")) return null;
  try {
    const { observables, relays } = JSON.parse(decodeURIComponent(location.hash.slice("#ask=".length)));
    const line = ([type, value]) => (/\s/.test(value) ? `${type}="${value}"` : `${type}=${value}`);
    return { text: observables.map(line).join("\n"), relays: relays.map(String) };
  } catch {
    return null;
  }
}

export function drawKeep(root) {
  const button = (text, act) => el("button", { type: "button", onclick: act }, text);
  const relays = state.about.filter((relay) => state.relays.includes(relay.name));
  const perRelay = (relay) => state.observables.map((one, at) => ({ ...one, ...findingOf(at, relay) }));
  root.replaceChildren(
    el("div", { class: "row" },
      button("All as JSON", () => save("investigation.json", "application/json", JSON.stringify(whole(), null, 2))),
      state.relays.map((relay) => button(`${relay} as JSON`, () => save(`${relay}.json`, "application/json", JSON.stringify(perRelay(relay), null, 2)))),
      button("Sightings as CSV", () => save("sightings.csv", "text/csv", csv()))),
    el("p", {}, el("a", { id: "again", href: again() }, "A link that asks the same again")),
    el("details", {}, el("summary", {}, "The same by curl; put the relay's token into TOKEN"), relays.map((relay) => el("pre", { class: "raw" }, curl(relay)))));
}

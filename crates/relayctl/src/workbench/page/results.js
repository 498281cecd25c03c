// What the relays say: the overview, a card for each observable, and actions.

import { $, VERDICTS, ask, day, el, keyOf, link, plural } from "./dom.js";
import { docs, findingOf, jump, keep, state, targetsOf } from "./findings.js";
import { drawGraph } from "./graph.js";
import { drawTimeline } from "./timeline.js";
import { drawKeep } from "./keep.js";

// Sightings shown in a card at once.
const SHOWN = 20;

export function start(observables, relays, about) {
  Object.assign(state, { observables, relays, about, findings: new Map(), complete: false });
  $("results").hidden = false;
  drawMatrix();
  $("cards").replaceChildren(...observables.map((_, at) => el("article", { id: `card-${at}`, tabindex: "-1" })));
  observables.forEach((_, at) => drawCard(at));
  for (const id of ["graph", "timeline", "keep"]) $(id).replaceChildren(el("p", {}, "Drawn when all answers are here."));
}

export function add(finding) {
  keep(finding);
  changed.add(finding.observable);
  if (!waiting) waiting = requestAnimationFrame(draw);
}

const changed = new Set();
let waiting = 0;

function draw() {
  waiting = 0;
  for (const at of changed) {
    drawCard(at);
    state.relays.forEach((relay) => drawCell(at, relay));
  }
  changed.clear();
}

export function finish() {
  cancelAnimationFrame(waiting);
  draw();
  state.complete = true;
  drawGraph($("graph"));
  drawTimeline($("timeline"));
  drawKeep($("keep"));
}

// --- the overview

function drawMatrix() {
  const head = el("tr", {}, el("th", { scope: "col" }, "Observable"), state.relays.map((relay) => el("th", { scope: "col" }, relay)));
  const rows = state.observables.map((one, at) => el("tr", {},
    el("th", { scope: "row" }, el("a", { href: `#card-${at}`, onclick: (event) => jump(event, at) }, one.value), el("small", {}, one.type)),
    state.relays.map((relay) => el("td", { id: `cell-${at}-${state.relays.indexOf(relay)}` }, "…"))));
  $("matrix").replaceChildren(el("caption", {}, "What each relay says of each observable"), el("thead", {}, head), el("tbody", {}, rows));
}

function drawCell(at, relay) {
  const finding = findingOf(at, relay);
  const cell = $(`cell-${at}-${state.relays.indexOf(relay)}`);
  if (finding && cell) cell.replaceChildren(...words(finding));
}

// The outcome: verdict or word, with shape and colour, and how often it was seen.
function words(finding) {
  const failed = finding.errors?.some((error) => error.type !== "warning");
  const verdict = VERDICTS[finding.verdict];
  const seen = finding.sightings ? el("small", {}, plural(finding.sightings, "sighting")) : "";
  const incomplete = failed && finding.outcome === "found" ? el("small", { class: "bad" }, "✕ incomplete") : "";
  if (verdict) return [el("span", { class: `verdict ${verdict.style}` }, `${verdict.shape} ${finding.verdict}`), seen, incomplete].filter(Boolean);
  const shape = { found: "●", "nothing known": "○", "not asked": "–", failed: "✕" }[finding.outcome] ?? "";
  const style = { failed: "bad", found: "plain" }[finding.outcome] ?? "dim";
  const word = finding.outcome === "found" ? "seen" : finding.outcome;
  return [el("span", { class: `verdict ${style}` }, `${shape} ${word}`), seen, incomplete].filter(Boolean);
}

// --- cards

function drawCard(at) {
  const one = state.observables[at];
  const card = $(`card-${at}`);
  const open = new Set([...card.querySelectorAll("details[open]")].map((details) => details.dataset.key));
  card.replaceChildren(el("h3", {}, one.value, " ", el("small", {}, one.type)));
  const left = new Map();
  for (const relay of state.relays) {
    const finding = findingOf(at, relay);
    if (finding?.outcome === "not asked") {
      left.set(finding.why, [...(left.get(finding.why) ?? []), relay]);
      continue;
    }
    card.append(el("section", { class: "relay" }, el("h4", {}, relay, " ", finding ? words(finding) : "…"), finding ? detail(at, finding) : ""));
  }
  for (const [why, names] of left) card.append(el("p", { class: "dim" }, `– not asked: ${names.join(", ")} (${why})`));
  for (const details of card.querySelectorAll("details")) details.open = open.has(details.dataset.key);
}

function detail(at, finding) {
  const parts = [];
  for (const error of finding.errors ?? []) {
    parts.push(el("p", { class: error.type === "warning" ? "doubtful" : "bad" }, `${error.type} ${error.code}: ${error.message}`));
  }
  // A verdict sums judgements up; both have their reasons.
  const opinions = [...docs(finding, "verdicts").map((one) => ["Verdict", one]), ...docs(finding, "judgements").map((one) => ["Judgement", one])];
  for (const [kind, opinion] of opinions) {
    const until = opinion.valid_time?.end_time ? `until ${day(opinion.valid_time.end_time)}` : "";
    const style = VERDICTS[opinion.disposition_name]?.style ?? "plain";
    parts.push(el("p", {}, `${kind}: `, el("strong", { class: style }, opinion.disposition_name), ` ${opinion.reason ?? ""} `, el("small", {}, until),
      opinion.source_uri ? [" ", link(opinion.source_uri, "source")] : ""));
  }
  const indicators = docs(finding, "indicators").map((indicator) => indicator.title ?? indicator.short_description ?? "an indicator");
  if (indicators.length) parts.push(el("p", {}, `Indicators: ${[...new Set(indicators)].join("; ")}`));
  const sightings = [...docs(finding, "sightings")].sort((a, b) => String(b.observed_time?.start_time).localeCompare(String(a.observed_time?.start_time)));
  if (sightings.length) parts.push(seenTable(at, finding.relay, sightings));
  if (responds(finding.relay, state.observables[at].type)) parts.push(actions(at, finding.relay));
  if (finding.data) parts.push(el("details", { "data-key": `raw-${finding.relay}` }, el("summary", {}, "Raw JSON"), raw(finding)));
  return parts;
}

// Written out when it is opened: thousands of relations would slow the page down.
function raw(finding) {
  const text = el("pre", { class: "raw" });
  queueMicrotask(() => {
    const details = text.parentElement;
    const write = () => { if (details.open && !text.textContent) text.textContent = JSON.stringify(finding.data, null, 2); };
    details?.addEventListener("toggle", write);
  });
  return text;
}

function seenTable(at, relay, sightings) {
  const body = el("tbody");
  const rows = (list) => body.append(...list.map(seenRow));
  rows(sightings.slice(0, SHOWN));
  const more = el("button", { type: "button", onclick: () => { rows(sightings.slice(SHOWN)); more.remove(); } }, `Show ${sightings.length - SHOWN} more`);
  const head = ["Time", "Severity", "What was seen", "Device or account", ""].map((name) => el("th", { scope: "col" }, name));
  return el("details", { "data-key": `seen-${relay}` }, el("summary", {}, plural(sightings.length, "sighting")),
    el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Sightings of ${state.observables[at].value} by ${relay}` },
      el("table", {}, el("thead", {}, el("tr", {}, head)), body)), sightings.length > SHOWN ? more : "");
}

function seenRow(sighting) {
  const targets = [...new Set(targetsOf(sighting).map((one) => one.value))].slice(0, 4).join(", ");
  return el("tr", {}, el("td", {}, day(sighting.observed_time?.start_time)), el("td", {}, sighting.severity ?? ""),
    el("td", {}, sighting.title ?? sighting.description ?? "–"), el("td", {}, targets),
    el("td", {}, sighting.source_uri ? link(sighting.source_uri, "open") : ""));
}

// --- actions

function responds(relay, type) {
  const about = state.about.find((one) => one.name === relay);
  return about?.responds?.includes(type) ?? false;
}

function actions(at, relay) {
  const list = el("ul", { class: "actions" });
  const { type, value } = state.observables[at];
  const load = async () => {
    list.replaceChildren(el("li", {}, "…"));
    try {
      const answer = await ask("actions", { relay, type, value });
      list.replaceChildren(...answer.actions.map((action) => el("li", {}, actionButton(action, answer.allowed), " ", el("small", {}, action.description))));
      for (const error of answer.errors) list.append(el("li", { class: "bad" }, `${error.code}: ${error.message}`));
      if (!list.children.length) list.append(el("li", {}, "No action is offered"));
      if (answer.actions.length && !answer.allowed) list.append(el("li", { class: "dim" }, "Actions are off; start the workbench with --allow-actions"));
    } catch (error) {
      list.replaceChildren(el("li", { class: "bad" }, error.message));
    }
  };
  return el("details", { "data-key": `act-${relay}`, ontoggle: (event) => { if (event.target.open && !list.children.length) load(); } },
    el("summary", {}, "Response actions"), list);
}

function actionButton(action, allowed) {
  return el("button", { type: "button", disabled: !allowed, onclick: () => confirm(action) }, action.title);
}

// The second step: the exact effect in words, and a button that carries it out.
function confirm(action) {
  $("effect").textContent = action.effect;
  $("outcome").textContent = "";
  $("carry-out").textContent = action.dry_run ? "Check it (dry run)" : "Carry it out";
  $("carry-out").hidden = false;
  $("cancel").textContent = "Cancel";
  $("carry-out").onclick = async () => {
    $("carry-out").hidden = true;
    $("outcome").textContent = "…";
    try {
      const { status, dry_run, errors } = await ask("trigger", { offer: action.offer });
      const word = dry_run ? "Dry run: nothing was done." : { success: "Done.", failure: "Not done." }[status] ?? "Unknown: look before you repeat it.";
      $("outcome").textContent = [word, ...errors.map((error) => `${error.code}: ${error.message}`)].join(" ");
    } catch (error) {
      $("outcome").textContent = error.message;
    }
    $("cancel").textContent = "Close";
  };
  $("confirm").showModal();
}
$("cancel").addEventListener("click", () => $("confirm").close());

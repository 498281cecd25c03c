// The question: text, chips, relays; and the stream of answers.

import { $, ask, el, keyOf, plural, post } from "./dom.js";
import * as results from "./results.js";
import { restored } from "./keep.js";

const TYPES = ["ip", "ipv6", "domain", "url", "email", "hostname", "user", "md5", "sha1", "sha256", "file_name", "file_path",
  "ms_machine_id", "email_subject", "email_messageid", "mac_address", "process_name", "registry_key", "device"];

let chips = []; // {type, value, on}
let relays = []; // what /relays says
let running = null;

// --- while one types

let asked = 0;
let pause = 0;

function read() {
  clearTimeout(pause);
  pause = setTimeout(recognise, 150);
}

async function recognise() {
  const mine = ++asked;
  try {
    const { observables, notes } = await ask("parse", { text: $("text").value });
    if (mine !== asked) return;
    const off = new Set(chips.filter((chip) => !chip.on).map(keyOf));
    chips = observables.map((one) => ({ ...one, on: !off.has(keyOf(one)) }));
    showNotes(notes);
    showChips();
  } catch (error) {
    problem(error);
  }
}

function showNotes(notes) {
  $("notes").replaceChildren(...notes.map((note) => el("p", {}, `Note: ${note}`)));
}

function showChips() {
  $("chips").replaceChildren(...chips.map(chipOf));
  if (!chips.length) $("chips").append(el("li", { class: "empty" }, "None recognised yet"));
  const on = chips.some((chip) => chip.on);
  $("go").disabled = !on || running !== null;
}

function chipOf(chip) {
  const types = TYPES.includes(chip.type) ? TYPES : [chip.type, ...TYPES];
  const type = el("select", { "aria-label": `Type of ${chip.value}`, onchange: (event) => retype(chip, event.target) },
    types.map((name) => el("option", { value: name, selected: name === chip.type }, name)));
  const toggle = el("input", { type: "checkbox", checked: chip.on, "aria-label": `Ask about ${chip.value}` });
  toggle.addEventListener("change", () => {
    chip.on = toggle.checked;
    $("go").disabled = !chips.some((one) => one.on) || running !== null;
  });
  return el("li", { class: "chip" }, toggle, type, el("span", { class: "value" }, chip.value));
}

async function retype(chip, select) {
  try {
    Object.assign(chip, await ask("typed", { type: select.value, value: chip.value }));
    problem(null);
  } catch (error) {
    select.value = chip.type;
    problem(error);
  }
}

function problem(error) {
  $("problem").textContent = error === null ? "" : error.message;
}

// --- relays

async function health() {
  relays = await (await fetch("relays")).json();
  for (const mark of document.querySelectorAll(".health")) {
    const relay = relays.find((one) => one.name === mark.dataset.relay);
    if (!relay) continue;
    const types = relay.types ? `looks up ${relay.types.join(", ")}` : "does not say what it looks up";
    mark.replaceChildren(
      el("span", { class: relay.problem ? "bad" : "good" }, relay.problem ? `✕ failed: ${relay.problem}` : "● ok"),
      el("details", {}, el("summary", {}, relay.title ?? ""), types));
  }
}

// --- the answers

const relaysOn = () => [...document.querySelectorAll("#relays input:checked")].map((input) => input.value);

async function investigate() {
  const observables = chips.filter((chip) => chip.on).map(({ type, value }) => ({ type, value }));
  const chosen = relaysOn();
  problem(null);
  running = new AbortController();
  controls();
  results.start(observables, chosen, relays);
  let done = 0;
  let lookups = observables.length * chosen.length;
  let ended = false;
  try {
    const response = await post("investigate", { observables, relays: chosen }, running.signal);
    if (!response.ok) throw new Error((await response.json()).error ?? `status ${response.status}`);
    for await (const { event, data } of events(response.body)) {
      if (event === "plan") lookups = data.lookups;
      if (event === "finding") {
        results.add(data);
        done += 1;
        progress(done, lookups);
      }
      if (event === "done") ended = true;
    }
    status(ended ? `Done: ${plural(done, "lookup")}` : "The workbench closed the connection early; the answers are incomplete");
  } catch (error) {
    if (error.name === "AbortError") status(`Stopped after ${done} of ${plural(lookups, "lookup")}`);
    else problem(error);
  }
  running = null;
  results.finish();
  controls();
}

function controls() {
  const busy = running !== null;
  const [go, stop] = [$("go"), $("stop")];
  // The keyboard's place moves from the button that goes away to the one that comes.
  const place = [go, stop].includes(document.activeElement);
  stop.hidden = !busy;
  go.disabled = busy || !chips.some((chip) => chip.on);
  if (place) (busy ? stop : go).focus();
  $("bar").hidden = !busy;
  if (busy) $("bar").removeAttribute("value");
}

let said = 0;

function progress(done, lookups) {
  $("bar").max = lookups;
  $("bar").value = done;
  // A screen reader says it now and then, not for each answer.
  if (Date.now() - said > 2000) status(`${done} of ${plural(lookups, "lookup")}`);
}

function status(text) {
  said = Date.now();
  $("status").textContent = text;
}

// Server-sent events of a body.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const parts = rest.split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const [event, data] = part.split("\ndata: ");
      yield { event: event.replace("event: ", ""), data: JSON.parse(data) };
    }
  }
}

// --- start

$("text").addEventListener("input", read);
$("go").addEventListener("click", investigate);
$("stop").addEventListener("click", () => running?.abort());
$("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !$("go").disabled) investigate();
});
$("example")?.addEventListener("click", (event) => {
  $("text").value = event.target.dataset.text;
  recognise();
});

const question = restored();
if (question) {
  $("text").value = question.text;
  for (const input of document.querySelectorAll("#relays input")) {
    input.checked = question.relays.length === 0 || question.relays.includes(input.value);
  }
}
recognise();
health().catch(problem);

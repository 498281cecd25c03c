// What the relays have answered so far, and what everybody needs to read it.

import { $ } from "./dom.js";

export const state = { observables: [], relays: [], about: [], findings: new Map(), complete: false };
const place = (observable, relay) => `${observable}\n${relay}`;
export const findingOf = (observable, relay) => state.findings.get(place(observable, relay));
export const keep = (finding) => state.findings.set(place(finding.observable, finding.relay), finding);
export const docs = (finding, kind) => finding?.data?.[kind]?.docs ?? [];
export const targetsOf = (sighting) => (sighting.targets ?? []).flatMap((target) => target.observables ?? []);

// Shows the card of an observable.
export function jump(event, at) {
  event?.preventDefault();
  const card = $(`card-${at}`);
  card.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  card.focus({ preventScroll: true });
}

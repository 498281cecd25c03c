// When what was seen, one line for each relay.

import { docs, findingOf, jump, state } from "./findings.js";
import { day, el, plural, svg } from "./dom.js";

const [WIDTH, LEFT, ROW] = [1000, 130, 44];
// Sightings with a mark of their own; more would be one smear.
const MOST = 2000;

const STYLES = { Critical: "bad", High: "bad", Medium: "doubtful" };

export function drawTimeline(root) {
  const seen = [];
  state.observables.forEach((one, at) => {
    for (const relay of state.relays) {
      for (const sighting of docs(findingOf(at, relay), "sightings")) {
        const time = Date.parse(sighting.observed_time?.start_time);
        if (Number.isFinite(time)) seen.push({ at, relay, time, sighting, value: one.value });
      }
    }
  });
  if (!seen.length) {
    root.replaceChildren(el("p", {}, "Nothing was seen."));
    return;
  }
  seen.sort((a, b) => a.time - b.time);
  const [first, last] = [seen[0].time, seen[seen.length - 1].time];
  const span = Math.max(last - first, 1);
  const x = (time) => LEFT + 12 + ((time - first) / span) * (WIDTH - LEFT - 36);
  const relays = state.relays.filter((relay) => seen.some((one) => one.relay === relay));
  const height = relays.length * ROW + 34;
  const picture = svg("svg", { class: "timeline", viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": `${plural(seen.length, "sighting")} from ${day(new Date(first).toISOString())} to ${day(new Date(last).toISOString())}; the same as a list below` });
  relays.forEach((relay, row) => {
    const y = row * ROW + 24;
    picture.append(svg("text", { x: 0, y: y + 5 }, relay.slice(0, 18)), svg("line", { x1: LEFT, x2: WIDTH, y1: y, y2: y }));
  });
  for (const one of seen.slice(-MOST)) {
    const y = relays.indexOf(one.relay) * ROW + 24;
    const words = `${day(one.sighting.observed_time.start_time)} ${one.sighting.title ?? ""} (${one.value})`;
    picture.append(svg("circle", { class: STYLES[one.sighting.severity] ?? "plain", cx: x(one.time).toFixed(1), cy: y, r: 6, onclick: (event) => jump(event, one.at) }, svg("title", {}, words)));
  }
  for (const [time, anchor] of [[first, "start"], [last, "end"]]) {
    picture.append(svg("text", { x: anchor === "start" ? LEFT : WIDTH, y: height - 4, "text-anchor": anchor }, day(new Date(time).toISOString())));
  }
  const list = el("details", {}, el("summary", {}, `The same as a list: ${plural(seen.length, "sighting")}`));
  list.addEventListener("toggle", () => {
    if (list.children.length === 1) list.append(el("ol", {}, seen.slice(-MOST).reverse().map((one) => el("li", {}, `${day(one.sighting.observed_time.start_time)} ${one.relay}: ${one.sighting.title ?? "–"} (${one.value})`))));
  });
  root.replaceChildren(picture, list);
}

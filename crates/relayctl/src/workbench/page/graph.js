// The relations as a picture: observables, devices and accounts, laid out by forces. Nothing moves by itself.

import { docs, findingOf, jump, state, targetsOf } from "./findings.js";
import { el, keyOf, plural, svg } from "./dom.js";

// Beyond this number, the nodes with the fewest relations are folded away.
const MOST = 300;
const [WIDTH, HEIGHT] = [1000, 640];
const DEVICES = new Set(["hostname", "ms_machine_id", "device", "mac_address", "amp_computer_guid"]);
const ACCOUNTS = new Set(["user", "email", "process_username"]);

const kindOf = (type) => (DEVICES.has(type) ? "device" : ACCOUNTS.has(type) ? "account" : "other");

// Nodes and edges of everything that was found, each once.
function collect() {
  const nodes = new Map();
  const edges = new Map();
  const node = (one, asked = -1) => {
    const key = keyOf(one);
    if (!nodes.has(key)) nodes.set(key, { key, type: one.type, value: String(one.value), asked, degree: 0 });
    return nodes.get(key);
  };
  const edge = (from, to, relation, relay) => {
    if (from === to) return;
    const key = `${from.key}\n${to.key}\n${relation}`;
    if (!edges.has(key)) {
      edges.set(key, { from, to, relation, relays: new Set() });
      from.degree += 1;
      to.degree += 1;
    }
    edges.get(key).relays.add(relay);
  };
  state.observables.forEach((one, at) => node(one, at));
  state.observables.forEach((one, at) => {
    for (const relay of state.relays) {
      for (const sighting of docs(findingOf(at, relay), "sightings")) {
        for (const { source, related, relation } of sighting.relations ?? []) {
          if (source?.value && related?.value) edge(node(source), node(related), String(relation ?? "").replaceAll("_", " "), relay);
        }
        for (const target of targetsOf(sighting)) if (target?.value) edge(node(one), node(target), "seen on", relay);
      }
    }
  });
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}

// What the observables have in common: those asked about, and what at least two of them are related to. The rest is
// counted at its neighbours. Beyond MOST, those with most relations stay.
function fold({ nodes, edges }, everything) {
  const asked = new Map(nodes.map((node) => [node, new Set()]));
  for (const { from, to } of edges) {
    if (from.asked >= 0) asked.get(to).add(from);
    if (to.asked >= 0) asked.get(from).add(to);
  }
  const few = nodes.length <= 40;
  const kept = new Set(nodes.filter((node) => everything || few || node.asked >= 0 || asked.get(node).size > 1));
  const most = [...kept].sort((a, b) => (b.asked >= 0) - (a.asked >= 0) || b.degree - a.degree).slice(0, MOST);
  const shown = new Set(most);
  for (const node of nodes) node.hidden = 0;
  for (const { from, to } of edges) {
    if (shown.has(from) && !shown.has(to)) from.hidden += 1;
    if (shown.has(to) && !shown.has(from)) to.hidden += 1;
  }
  return {
    nodes: nodes.filter((node) => shown.has(node)),
    edges: edges.filter((edge) => shown.has(edge.from) && shown.has(edge.to)),
    leaves: nodes.length - kept.size,
    folded: kept.size - shown.size,
  };
}

// Springs along edges, repulsion between nodes, a pull to the middle. The same data give the same picture.
function layOut(nodes, edges) {
  const golden = Math.PI * (3 - Math.sqrt(5));
  nodes.forEach((node, at) => {
    const radius = 14 * Math.sqrt(at + 1);
    node.x = WIDTH / 2 + radius * Math.cos(at * golden);
    node.y = HEIGHT / 2 + radius * Math.sin(at * golden);
  });
  const ideal = Math.sqrt((WIDTH * HEIGHT) / Math.max(nodes.length, 1)) * 0.75;
  const rounds = nodes.length > 150 ? 120 : 240;
  for (let round = 0; round < rounds; round += 1) {
    const heat = (1 - round / rounds) * 40 + 1;
    for (const node of nodes) [node.dx, node.dy] = [(WIDTH / 2 - node.x) * 0.05, (HEIGHT / 2 - node.y) * 0.08];
    for (let a = 0; a < nodes.length; a += 1) {
      for (let b = a + 1; b < nodes.length; b += 1) {
        const [x, y] = [nodes[a].x - nodes[b].x || 0.1, nodes[a].y - nodes[b].y || 0.1];
        const push = (ideal * ideal) / (x * x + y * y);
        nodes[a].dx += x * push; nodes[a].dy += y * push;
        nodes[b].dx -= x * push; nodes[b].dy -= y * push;
      }
    }
    for (const { from, to } of edges) {
      const [x, y] = [to.x - from.x, to.y - from.y];
      const pull = (Math.hypot(x, y) / ideal) * 0.5;
      from.dx += x * pull * 0.2; from.dy += y * pull * 0.2;
      to.dx -= x * pull * 0.2; to.dy -= y * pull * 0.2;
    }
    for (const node of nodes) {
      const length = Math.hypot(node.dx, node.dy) || 1;
      node.x += (node.dx / length) * Math.min(length, heat);
      node.y += (node.dy / length) * Math.min(length, heat);
    }
  }
  fit(nodes);
}

// Scaled to the whole picture, with room for labels.
function fit(nodes) {
  for (const [axis, size, margin] of [["x", WIDTH, 90], ["y", HEIGHT, 36]]) {
    const all = nodes.map((node) => node[axis]);
    const [least, most] = [Math.min(...all), Math.max(...all)];
    for (const node of nodes) node[axis] = margin + ((node[axis] - least) / Math.max(most - least, 1)) * (size - 2 * margin);
  }
}

const short = (text) => (text.length > 26 ? `${text.slice(0, 12)}…${text.slice(-12)}` : text);

function shapeOf(node) {
  const size = node.asked >= 0 ? 11 : 8;
  const kind = kindOf(node.type);
  if (kind === "device") return svg("rect", { x: -size, y: -size, width: 2 * size, height: 2 * size, rx: 2 });
  if (kind === "account") return svg("path", { d: `M0 ${-size * 1.3}L${size * 1.2} ${size}L${-size * 1.2} ${size}Z` });
  return svg("circle", { r: size });
}

export function drawGraph(root, everything = false) {
  const found = collect();
  const common = fold(found, everything);
  // Where they have nothing in common, or there is only one, everything is shown.
  const { nodes, edges, leaves, folded } = common.edges.length ? common : fold(found, true);
  const all = (text, of) => el("button", { type: "button", onclick: () => drawGraph(root, of) }, text);
  if (!edges.length) {
    root.replaceChildren(el("p", {}, "No relay reports a relation."));
    return;
  }
  layOut(nodes, edges);
  const box = { x: 0, y: 0, width: WIDTH, height: HEIGHT };
  const lines = svg("g", { class: "edges" });
  const marks = svg("g", { class: "nodes" });
  const picture = svg("svg", { class: nodes.length > 40 ? "graph crowded" : "graph", role: "group", "aria-label": `Relations of ${plural(nodes.length, "node")}` },
    svg("defs", {}, svg("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, svg("path", { d: "M0 0L8 4L0 8Z" }))),
    lines, marks);
  const show = () => picture.setAttribute("viewBox", `${box.x} ${box.y} ${box.width} ${box.height}`);
  const zoom = (factor) => {
    const width = Math.min(4 * WIDTH, Math.max(120, box.width * factor));
    const height = (width * HEIGHT) / WIDTH;
    Object.assign(box, { x: box.x + (box.width - width) / 2, y: box.y + (box.height - height) / 2, width, height });
    show();
  };

  for (const edge of edges) {
    edge.line = svg("line", { "marker-end": "url(#arrow)" }, svg("title", {}, `${edge.from.value} ${edge.relation} ${edge.to.value} (${[...edge.relays].join(", ")})`));
    edge.label = svg("text", { class: "relation" }, edge.relation);
    lines.append(edge.line, edge.label);
  }
  const put = (edge) => {
    const [x, y] = [edge.to.x - edge.from.x, edge.to.y - edge.from.y];
    const length = Math.hypot(x, y) || 1;
    for (const [name, value] of [["x1", edge.from.x], ["y1", edge.from.y], ["x2", edge.to.x - (x / length) * 13], ["y2", edge.to.y - (y / length) * 13]]) edge.line.setAttribute(name, value.toFixed(1));
    edge.label.setAttribute("x", ((edge.from.x + edge.to.x) / 2).toFixed(1));
    edge.label.setAttribute("y", ((edge.from.y + edge.to.y) / 2).toFixed(1));
  };
  const move = (node) => node.mark.setAttribute("transform", `translate(${node.x.toFixed(1)} ${node.y.toFixed(1)})`);

  let focused = null;
  const detail = el("p", { role: "status" }, "Choose a node to see what it is related to.");
  const focus = (node) => {
    focused = focused === node ? null : node;
    const near = new Set(focused ? [focused] : nodes);
    for (const edge of edges) {
      const on = focused && (edge.from === focused || edge.to === focused);
      if (on) near.add(edge.from).add(edge.to);
      edge.line.classList.toggle("faint", Boolean(focused) && !on);
      edge.label.classList.toggle("shown", Boolean(on));
    }
    for (const one of nodes) {
      one.mark.classList.toggle("faint", !near.has(one));
      one.mark.classList.toggle("focused", one === focused);
      one.mark.classList.toggle("near", Boolean(focused) && near.has(one));
      one.mark.setAttribute("aria-pressed", one === focused);
    }
    detail.replaceChildren(focused ? `${focused.type} ${focused.value}: ${plural(focused.degree, "relation")}` : "Choose a node to see what it is related to.",
      focused && focused.asked >= 0 ? el("button", { type: "button", onclick: (event) => jump(event, focused.asked) }, "Show its card") : "");
  };

  for (const node of nodes) {
    const kind = kindOf(node.type);
    node.mark = svg("g", { class: `node ${kind}${node.asked >= 0 ? " asked" : ""}`, tabindex: node.asked >= 0 || nodes.length <= 60 ? 0 : -1, role: "button", "aria-pressed": false, "aria-label": `${node.type} ${node.value}, ${plural(node.degree, "relation")}` },
      shapeOf(node), svg("text", { y: 24 }, short(node.value), node.hidden ? ` +${node.hidden}` : ""), svg("title", {}, `${node.type} ${node.value}`));
    marks.append(node.mark);
    move(node);
    let from = null;
    node.mark.addEventListener("pointerdown", (event) => { from = { x: event.clientX, y: event.clientY, moved: false }; node.mark.setPointerCapture(event.pointerId); event.stopPropagation(); });
    node.mark.addEventListener("pointermove", (event) => {
      if (!from) return;
      const scale = box.width / picture.clientWidth;
      if (Math.hypot(event.clientX - from.x, event.clientY - from.y) < 3 && !from.moved) return;
      node.x += (event.clientX - from.x) * scale;
      node.y += (event.clientY - from.y) * scale;
      from = { x: event.clientX, y: event.clientY, moved: true };
      move(node);
      edges.filter((edge) => edge.from === node || edge.to === node).forEach(put);
    });
    node.mark.addEventListener("pointerup", () => { if (from && !from.moved) focus(node); from = null; });
    node.mark.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); focus(node); } });
  }
  edges.forEach(put);

  let drag = null;
  picture.addEventListener("pointerdown", (event) => { drag = event; });
  picture.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const scale = box.width / picture.clientWidth;
    box.x -= (event.clientX - drag.clientX) * scale;
    box.y -= (event.clientY - drag.clientY) * scale;
    drag = event;
    show();
  });
  for (const end of ["pointerup", "pointerleave"]) picture.addEventListener(end, () => { drag = null; });
  picture.addEventListener("wheel", (event) => { if (event.ctrlKey || event.metaKey) { event.preventDefault(); zoom(event.deltaY > 0 ? 1.15 : 0.87); } }, { passive: false });
  show();

  const button = (text, label, factor) => el("button", { type: "button", "aria-label": label, onclick: () => zoom(factor) }, text);
  const list = el("details", {}, el("summary", {}, `The same as a list: ${plural(edges.length, "relation")}`));
  list.addEventListener("toggle", () => {
    if (list.children.length === 1) list.append(el("ul", {}, edges.slice(0, 2000).map((edge) => el("li", {}, `${edge.from.value} — ${edge.relation} → ${edge.to.value} (${[...edge.relays].join(", ")})`))));
  });
  root.replaceChildren(
    el("div", { class: "row" }, button("+", "Zoom in", 0.8), button("−", "Zoom out", 1.25),
      el("span", { class: "legend" }, "● observable ■ device ▲ account; larger: asked about. Ctrl and wheel zoom.")),
    leaves || everything ? el("p", {}, everything ? "" : `Shown is what at least two of the observables are related to; ${plural(leaves, "other node")} ${leaves === 1 ? "is" : "are"} only counted, as +n. `, everything ? all("Show what they have in common", false) : all("Show everything", true)) : "",
    folded ? el("p", { class: "doubtful" }, `${plural(folded, "node")} with the fewest relations ${folded === 1 ? "is" : "are"} folded away; the picture shows ${MOST}.`) : "",
    picture, detail, list);
}

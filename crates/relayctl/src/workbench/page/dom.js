// Elements from text. What relays and providers say only ever becomes text here, never markup.

export const $ = (id) => document.getElementById(id);

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === undefined || value === null) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

export const el = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
export const svg = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

// A link to a page of the provider; only to the web.
export function link(address, text) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return el("span", {}, address);
  }
  if (!["https:", "http:"].includes(url.protocol)) return el("span", {}, address);
  return el("a", { href: url.href, target: "_blank", rel: "noopener noreferrer" }, text ?? url.href);
}

export async function post(path, body, signal) {
  return fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
}

export async function ask(path, body) {
  const response = await post(path, body);
  const answer = await response.json().catch(() => ({ error: `the workbench answers with status ${response.status}` }));
  if (!response.ok) throw new Error(answer.error ?? `status ${response.status}`);
  return answer;
}

export const plural = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
export const keyOf = (one) => `${one.type}\n${one.value}`;
export const day = (time) => (typeof time === "string" ? time.replace("T", " ").replace(/(:\d\d)(:\d\d(\.\d+)?)?Z?$/, "$1") : "");

// The verdicts: word, shape and colour, so that none of the three is needed alone.
export const VERDICTS = {
  Malicious: { shape: "◆", rank: 0, style: "bad" },
  Suspicious: { shape: "▲", rank: 2, style: "doubtful" },
  Unknown: { shape: "?", rank: 5, style: "plain" },
  Common: { shape: "■", rank: 6, style: "good" },
  Clean: { shape: "■", rank: 7, style: "good" },
};

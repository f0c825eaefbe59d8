"use strict";
// Shows the report. Whatever a tag, a label or a manifest holds becomes a text node: nothing is ever parsed as HTML,
// and the page's policy lets the browser refuse it.

const report = JSON.parse(document.getElementById("report").textContent);
/** How many rows a table has at a time: the size of the document does not depend on that of the report. */
const ROWS = 50;
/** How many findings of a kind are shown at first, and more on demand. */
const FINDINGS = 10;
const MORE = 50;
/** How many platforms the chart distinguishes; the table beside it has all. */
const SERIES = 6;
/** How long typing pauses before the filter applies, in milliseconds. */
const TYPING = 120;
/** How long a button says that it has copied, in milliseconds: long enough to be read. */
const COPIED = 2_000;

const byId = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");
const counted = (n, one, several) => `${number.format(n)} ${n === 1 ? one : several}`;
const shown = (time) => `${time.slice(0, 16).replace("T", " ")} UTC`;
const during = (period) => (report.timeline.unit === "week" ? `week of ${period}` : `in ${period}`);
const share = (part, all) => (all === 0 ? "" : `${Math.floor((100 * part) / all)}%`);

const NAMESPACES = { svg: "http://www.w3.org/2000/svg", html: "http://www.w3.org/1999/xhtml" };
const makeIn =
  (namespace) =>
  (name, attributes = {}, ...children) => {
    const element = document.createElementNS(NAMESPACES[namespace], name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
const html = makeIn("html");
const svg = makeIn("svg");

const titles = new Map(report.kinds.map((kind) => [kind.kind, kind.title]));
const named = { list: "a list", image: "a single image", other: "something else", nothing: "nothing" };

// The findings of each tag, so that the table of versions can show their kinds.
const keyOf = (repository, tag) => `${repository}:${tag}`;
const findingsOf = new Map();
for (const finding of report.findings) {
  finding.key = keyOf(finding.repository, finding.tag);
  finding.searched = `${finding.key} ${finding.message}`.toLowerCase();
  const known = findingsOf.get(finding.key);
  if (known) known.push(finding);
  else findingsOf.set(finding.key, [finding]);
}
const repositories = new Map(report.repositories.map((repository) => [repository.name, repository]));
const versions = report.repositories.flatMap((repository) =>
  repository.versions.map((version) => {
    const key = keyOf(repository.name, version.tag);
    return { repository, version, key, searched: key.toLowerCase(), findings: findingsOf.get(key) ?? [] };
  }),
);
const rowKeys = new Set(versions.map(({ key }) => key));
if (report.repositories.length > 1) {
  versions.sort((one, other) =>
    one.version.pushed_at < other.version.pushed_at ? 1 : one.version.pushed_at > other.version.pushed_at ? -1 : 0,
  );
}

const state = { repository: "", kind: "", text: "", only: false, page: 0, guessPage: 0 };
let matching = { findings: report.findings, versions };

const announce = (text) => {
  byId("count").textContent = text;
};

const copy = async (text, button) => {
  try {
    await navigator.clipboard.writeText(text);
    byId("copied").textContent = "Copied.";
    button.textContent = "Copied";
    setTimeout(() => {
      button.textContent = "Copy";
      byId("copied").textContent = "";
    }, COPIED);
  } catch {
    // Without permission: select it, so that the reader can copy it.
    const range = document.createRange();
    range.selectNodeContents(button.parentElement.querySelector("code, pre"));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    byId("copied").textContent = "Selected. Copy it with the keyboard.";
  }
};
const copyButton = (text, label) => {
  const button = html("button", { type: "button", class: "small", "aria-label": label }, "Copy");
  button.addEventListener("click", () => copy(text, button));
  return button;
};

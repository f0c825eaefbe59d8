// Opens a page of the audit in Chromium, as a file, and records whatever it asks for or complains about.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

/** The directory of the tools, and that of the pages: .ci/browser sets both. */
const tools = createRequire(path.join(process.env.BROWSER_TOOLS, "package.json"));
const PAGES = process.env.AUDIT_PAGES;

const { chromium } = tools("playwright-core");
const AXE = readFileSync(tools.resolve("axe-core/axe.min.js"), "utf8");

/** A browser without anything of this machine: Playwright gives it a new profile. */
export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: [
      // Chromium refuses to run with its sandbox as root, which a container of CI usually is. The pages are built by
      // this project, from texts that it wrote, and no other page is opened.
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });

export const report = (name) => JSON.parse(readFileSync(path.join(PAGES, `${name}.json`), "utf8"));

/** Opens a page; `t` closes it. `change` edits its HTML before, for the negative controls. */
export const open = async (
  t,
  browser,
  name,
  { width = 1280, height = 900, scheme = "light", change, ...options } = {},
) => {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    reducedMotion: "reduce",
    ...options,
  });
  t.after(() => context.close());
  const page = await context.newPage();
  const url = pathToFileURL(path.join(PAGES, `${name}.html`)).href;
  page.seen = { requests: [], problems: [] };
  page.on("request", (request) => {
    if (request.url() !== url) page.seen.requests.push(request.url());
  });
  page.on("console", (message) => page.seen.problems.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => page.seen.problems.push(`error: ${error.message}`));
  if (change) {
    const body = change(readFileSync(path.join(PAGES, `${name}.html`), "utf8"));
    await page.route(url, (route) => route.fulfill({ body, contentType: "text/html" }));
  }
  await page.goto(url);
  await page.waitForSelector("html[data-ready]", { state: "attached", timeout: 10_000 });
  return page;
};

/** What the accessibility checker finds serious or critical, in short. */
export const accessibilityProblems = async (page) => {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(
      ({ id, nodes }) =>
        `${id}: ${nodes
          .slice(0, 3)
          .map(({ html }) => html.slice(0, 160))
          .join(" | ")}`,
    );
};

/** The text of a status line, once it has settled on something that matches. */
export const status = async (page, expected) => {
  await page.waitForFunction((text) => document.getElementById("count").textContent.includes(text), expected, {
    timeout: 5_000,
  });
};

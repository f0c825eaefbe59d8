// The page of the audit in a real browser.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { accessibilityProblems, launch, open, report, status } from "./page.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const texts = (page, selector) => page.locator(selector).allTextContents();
const rows = (page) => page.locator("#matrix tbody tr").count();
const nodes = (page) => page.evaluate(() => document.querySelectorAll("*").length);
const number = new Intl.NumberFormat("en");

describe("the page", () => {
  test("shows totals, coverage, findings, versions and guesses", async (t) => {
    const page = await open(t, browser, "demonstration");
    const { totals, kinds, repositories, settings_commands, coverage } = report("demonstration");
    const tiles = await texts(page, "#totals dd");
    assert.deepEqual(
      tiles.slice(0, 4),
      [totals.findings, totals.tags_with_findings, totals.versions, totals.repositories].map((n) => number.format(n)),
    );
    assert.deepEqual(
      await texts(page, ".kind h3"),
      kinds.map(({ title, findings }) => `${title} ${findings}`),
    );
    for (const { meaning, remedy } of kinds) {
      assert.ok((await page.locator("#kinds").textContent()).includes(`${meaning} ${remedy}`));
    }
    assert.equal(await rows(page), Math.min(50, totals.versions));
    assert.equal(await page.locator("#chart polyline").count(), coverage.platforms.length);
    assert.equal(await page.locator("#guess-table tbody tr").count(), repositories.length);
    const aliases = repositories.find(({ name }) => name === "shop/search").guess.aliases;
    assert.ok(aliases.length > 0);
    const guessed = aliases.map(({ template, tags }) => `${template} (${tags})`).join(", ");
    assert.ok((await page.locator("#guess-table").textContent()).includes(guessed), guessed);
    assert.deepEqual(await texts(page, "#settings pre"), [settings_commands.export, settings_commands.deploy]);
    assert.match(
      await page.locator("#how").textContent(),
      /AssemblerArn .*SweeperArn --cli-read-timeout 0 .*sweep --dry-run/s,
    );
    const most = Math.max(...coverage.versions);
    assert.ok((await texts(page, "#legend li")).includes(`versions in the period, at most ${most}`));
    assert.deepEqual(page.seen, { requests: [], problems: [] });
  });

  test("shows every finding with its request", async (t) => {
    const page = await open(t, browser, "demonstration");
    for (;;) {
      const more = page.locator(".kind > button:visible").first();
      if ((await more.count()) === 0) break;
      await more.click();
    }
    const { findings } = report("demonstration");
    assert.equal(await page.locator(".kind li").count(), findings.length);
    const requests = await texts(page, ".kind .request code");
    assert.deepEqual(
      requests.sort(),
      findings
        .filter(({ request }) => request)
        .map(({ request }) => JSON.stringify(request))
        .sort(),
    );
  });

  test("says of which period the last coverage is", async (t) => {
    for (const [name, words] of [
      ["demonstration", "in"],
      ["hostile", "week of"],
    ]) {
      const page = await open(t, browser, name);
      const last = report(name).timeline.periods.at(-1);
      assert.equal((await texts(page, "#totals small"))[0], `${words} ${last}`);
    }
  });

  test("of an empty registry says so", async (t) => {
    const page = await open(t, browser, "empty");
    assert.match(await page.locator("#kinds").textContent(), /Nothing was found/);
    assert.deepEqual(page.seen, { requests: [], problems: [] });
  });
});

describe("the filters", () => {
  const all = report("demonstration");
  const versions = all.repositories.flatMap(({ name, versions }) =>
    versions.map((version) => ({ ...version, repository: name })),
  );
  const counted = (count, name) => `${number.format(count)} ${name}${count === 1 ? "" : "s"}`;
  const counts = (findings, versions) => `${counted(findings, "finding")} and ${counted(versions, "version")} match`;

  test("choose a repository, with its coverage and guess", async (t) => {
    const page = await open(t, browser, "demonstration");
    await page.selectOption("#repository", "edge/gateway");
    const of = ({ repository }) => repository === "edge/gateway";
    await status(page, counts(all.findings.filter(of).length, versions.filter(of).length));
    assert.equal(await page.locator("#guess-table tbody tr").count(), 1);
    const { coverage } = all.repositories.find(({ name }) => name === "edge/gateway");
    assert.deepEqual(
      await texts(page, "#legend .text"),
      coverage.platforms.map(({ platform }) => platform),
    );
  });

  test("choose a kind of finding", async (t) => {
    const page = await open(t, browser, "demonstration");
    await page.selectOption("#kind", "missing-platform");
    const of = all.findings.filter(({ kind }) => kind === "missing-platform");
    await status(page, counts(of.length, new Set(of.map(({ repository, tag }) => `${repository}:${tag}`)).size));
    assert.deepEqual(await texts(page, ".kind h3"), [`Platform missing ${of.length}`]);
    await page.selectOption("#kind", "alias-behind");
    await status(page, "Aliases are not versions.");
  });

  test("search text, without regard to case", async (t) => {
    const page = await open(t, browser, "demonstration");
    await page.fill("#text", "CHECKOUT:2.4");
    const matches = versions.filter(({ repository, tag }) => `${repository}:${tag}`.includes("checkout:2.4"));
    assert.ok(matches.length > 1);
    await status(page, `${matches.length} versions match`);
    assert.equal(await rows(page), matches.length);
  });

  test("leave out versions without findings, and are cleared together", async (t) => {
    const page = await open(t, browser, "demonstration");
    await page.check("#only");
    const tags = new Set(all.findings.map(({ repository, tag }) => `${repository}:${tag}`));
    const found = versions.filter(({ repository, tag }) => tags.has(`${repository}:${tag}`));
    await status(page, counts(all.findings.length, found.length));
    await page.fill("#text", "no such text");
    await status(page, counts(0, 0));
    assert.match(await page.locator("#kinds").textContent(), /No finding matches/);
    await page.click("#reset");
    await status(page, counts(all.findings.length, versions.length));
    assert.equal(await page.isChecked("#only"), false);
  });
});

describe("the keyboard", () => {
  const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.className);

  test("skips to the findings", async (t) => {
    const page = await open(t, browser, "demonstration");
    await page.keyboard.press("Tab");
    assert.equal(await focused(page), "skip");
    await page.keyboard.press("Enter");
    assert.equal(await focused(page), "findings");
  });

  test("reaches everything that a pointer does, with a visible focus", async (t) => {
    const page = await open(t, browser, "demonstration");
    const expected = await page
      .locator("a, button:not(:disabled):visible, select, input, summary, [tabindex='0']:visible")
      .count();
    let reached = 0;
    for (; reached < 300; reached += 1) {
      await page.keyboard.press("Tab");
      const focus = await page.evaluate(() => {
        const element = document.activeElement;
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        return { name: element.tagName, isVisible: outlineStyle !== "none" && outlineWidth !== "0px" };
      });
      if (focus.name === "BODY") break;
      assert.ok(focus.isVisible, `stop ${reached}: ${focus.name}`);
    }
    assert.equal(reached, expected);
  });

  test("filters, turns pages and shows more", async (t) => {
    const page = await open(t, browser, "large");
    await page.focus("#repository");
    await page.keyboard.type("team-7");
    await status(page, "500 versions match");
    const first = (await texts(page, "#matrix tbody th"))[0];
    await page.focus("#next");
    await page.keyboard.press("Enter");
    assert.notEqual((await texts(page, "#matrix tbody th"))[0], first);
    assert.match(await page.locator("#page").textContent(), /Page 2 of 10/);
    await page.locator(".kind > button").first().focus();
    await page.keyboard.press("Space");
    const list = page.locator(".kind").first().locator("li");
    assert.ok((await list.count()) > 10);
    assert.equal(await list.nth(10).evaluate((item) => item === document.activeElement), true);
  });

  test("copies a request", async (t) => {
    const page = await open(t, browser, "demonstration", { permissions: ["clipboard-read", "clipboard-write"] });
    const request = page.locator(".kind .request").first();
    await request.locator("button").focus();
    await page.keyboard.press("Enter");
    const count = await page.locator("#count").textContent();
    await page.waitForFunction(() => document.getElementById("copied").textContent === "Copied.");
    assert.equal(await request.locator("button").textContent(), "Copied");
    assert.equal(await page.locator("#count").textContent(), count, "the count stays");
    await page.waitForFunction(() => document.querySelector(".kind .request button").textContent === "Copy");
    assert.equal(
      await page.evaluate(() => navigator.clipboard.readText()),
      await request.locator("code").textContent(),
    );
  });

  test("copies where the clipboard is refused", async (t) => {
    const page = await open(t, browser, "demonstration");
    await page.evaluate(() =>
      Object.defineProperty(navigator, "clipboard", {
        value: { writeText: () => Promise.reject(new Error("refused")) },
      }),
    );
    const request = page.locator(".kind .request").first();
    await request.locator("button").click();
    await page.waitForFunction(() => document.getElementById("copied").textContent.startsWith("Selected."));
    assert.equal(await page.evaluate(() => getSelection().toString()), await request.locator("code").textContent());
  });
});

describe("hostile texts", () => {
  const hostile = (page) =>
    page.evaluate(() => ({
      ran: window.hostile ?? null,
      elements: document.querySelectorAll(
        "main script, main img, main style, main a, svg svg, [onerror], [onload], [onmouseover]",
      ).length,
      scripts: document.scripts.length,
    }));

  test("are shown as they are, and do nothing", async (t) => {
    const page = await open(t, browser, "hostile");
    const { findings, failures, limits } = report("hostile");
    assert.ok(
      JSON.stringify(findings).includes("</script>") && findings.some(({ message }) => message.includes("onerror")),
    );
    for (const more of await page.locator(".kind > button:visible").all()) await more.click();
    const shown = await texts(page, ".kind li span.text");
    assert.deepEqual(shown.sort(), findings.map(({ message }) => message).sort());
    assert.ok((await page.locator("#failures").textContent()).includes(failures[0].message));
    assert.ok((await page.locator("#mode").textContent()).includes(limits[0]));
    for (const row of await page.locator("#matrix tbody tr").all()) await row.hover();
    assert.deepEqual(await hostile(page), { ran: null, elements: 0, scripts: 2 });
    assert.deepEqual(page.seen, { requests: [], problems: [] });
  });

  test("would do nothing even if the script wrote HTML: the browser refuses it", async (t) => {
    const page = await open(t, browser, "hostile");
    const refused = await page.evaluate(() => {
      try {
        document.querySelector("main").innerHTML = "<img src=x onerror='window.hostile = 9'>";
        return "written";
      } catch (error) {
        return error.name;
      }
    });
    assert.equal(refused, "TypeError");
  });

  test("find a page that takes them for HTML", async (t) => {
    // The control of the tests above: with such a script, and no policy, they run.
    const writing = `for (const child of children) {
      if (typeof child !== "string") { element.append(child); continue; }
      const span = document.createElement("span");
      span.innerHTML = child;
      element.append(span);
    }`;
    const change = (html) =>
      html.replace(/<meta http-equiv[^>]*>/, "").replace("element.append(...children);", () => writing);
    const page = await open(t, browser, "hostile", { change });
    await page.waitForFunction(() => window.hostile !== undefined, undefined, { timeout: 5_000 });
    assert.notEqual((await hostile(page)).elements, 0);
  });
});

describe("the network", () => {
  test("is out of reach", async (t) => {
    const page = await open(t, browser, "demonstration");
    await page.evaluate(() => {
      window.refused = [];
      document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) =>
        window.refused.push(effectiveDirective),
      );
      new Image().src = "http://127.0.0.1:9/x.png";
      fetch("http://127.0.0.1:9/").catch(() => undefined);
    });
    await page.waitForFunction(() => window.refused.length === 2, undefined, { timeout: 5_000 });
    assert.deepEqual(await page.evaluate(() => window.refused.sort()), ["connect-src", "img-src"]);
  });
});

describe("accessibility", () => {
  for (const scheme of ["light", "dark"]) {
    for (const width of [1280, 360]) {
      for (const name of ["demonstration", "hostile", "empty"]) {
        test(`of ${name}, ${scheme}, ${width} pixels wide`, async (t) => {
          const page = await open(t, browser, name, { width, scheme });
          await page.locator("summary").evaluateAll((all) =>
            all.forEach((summary) => {
              summary.parentElement.open = true;
            }),
          );
          assert.deepEqual(await accessibilityProblems(page), []);
        });
      }
    }
  }

  test("of a page without labels is a problem", async (t) => {
    // The control of the tests above.
    const change = (html) => html.replace("<span>Repository</span>", "").replace('<html lang="en">', "<html>");
    const page = await open(t, browser, "demonstration", { change });
    const problems = (await accessibilityProblems(page)).map((problem) => problem.split(":")[0]);
    assert.deepEqual(problems.sort(), ["html-has-lang", "select-name"]);
  });

  test("has landmarks, and headings in order", async (t) => {
    const page = await open(t, browser, "demonstration");
    for (const landmark of ["header", "main", "footer", "[role=search]", "nav[aria-label]"]) {
      assert.notEqual(await page.locator(landmark).count(), 0, landmark);
    }
    const levels = await page
      .locator("h1, h2, h3")
      .evaluateAll((all) => all.map((heading) => Number(heading.tagName[1])));
    assert.equal(levels[0], 1);
    levels.slice(1).forEach((level, index) => assert.ok(level > 1 && level - levels[index] <= 1));
  });
});

describe("the width of a phone", () => {
  for (const name of ["demonstration", "hostile", "large"]) {
    test(`holds ${name} without horizontal scrolling`, async (t) => {
      const page = await open(t, browser, name, { width: 360, height: 740 });
      await page.locator("summary").click();
      const { content, view } = await page.evaluate(() => ({
        content: document.documentElement.scrollWidth,
        view: window.innerWidth,
      }));
      assert.ok(content <= view, `${content} of ${view}`);
    });
  }

  test("draws the chart in the width that there is", async (t) => {
    const page = await open(t, browser, "demonstration", { width: 1280 });
    const width = () => page.locator("#chart svg").evaluate((chart) => chart.viewBox.baseVal.width);
    const wide = await width();
    await page.setViewportSize({ width: 360, height: 740 });
    await page.waitForFunction((wide) => document.querySelector("#chart svg").viewBox.baseVal.width < wide, wide);
    assert.ok((await width()) < 360);
  });
});

describe("the colors", () => {
  test("follow the scheme of the system", async (t) => {
    const background = async (scheme) => {
      const page = await open(t, browser, "demonstration", { scheme });
      const color = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      return color
        .match(/\d+/g)
        .slice(0, 3)
        .reduce((sum, part) => sum + Number(part), 0);
    };
    assert.ok((await background("light")) > 600);
    assert.ok((await background("dark")) < 150);
  });
});

describe("10,000 versions", () => {
  /** A bound of the document: 50 rows of a table, 10 findings of each kind, and a chart. */
  const MOST_NODES = 3_000;

  test("make no larger document than a few, at first and after every filter", async (t) => {
    const started = performance.now();
    const page = await open(t, browser, "large");
    t.diagnostic(`opened in ${Math.round(performance.now() - started)} ms`);
    const { totals } = report("large");
    assert.equal(totals.versions, 10_000);
    assert.equal(await rows(page), 50);
    const sizes = [await nodes(page)];
    const filters = [
      ["#repository", "team-3/app", "500 versions match"],
      ["#repository", "", "10,000 versions match"],
      ["#kind", "missing-platform", "500 versions match"],
      ["#kind", "", "10,000 versions match"],
    ];
    for (const [field, value, expected] of filters) {
      const took = await page.evaluate(
        ([field, value]) => {
          const started = performance.now();
          const select = document.querySelector(field);
          select.value = value;
          select.dispatchEvent(new Event("change"));
          document.body.getBoundingClientRect();
          return performance.now() - started;
        },
        [field, value],
      );
      t.diagnostic(`${field}=${value} took ${took.toFixed(1)} ms, layout included`);
      await status(page, expected);
      sizes.push(await nodes(page));
    }
    await page.fill("#text", "4.2");
    await status(page, "match");
    await page.click("#reset");
    await status(page, "10,000 versions match");
    await page.click("#next");
    sizes.push(await nodes(page));
    t.diagnostic(`elements: ${sizes.join(", ")}`);
    assert.ok(Math.max(...sizes) < MOST_NODES, sizes.join(", "));
    assert.deepEqual(page.seen, { requests: [], problems: [] });
  });

  /**
   * The longest task, in milliseconds, since the page was opened, or since `change` was begun. Tasks below 50 ms count
   * as none.
   */
  const longestTask = (page, change) =>
    page.evaluate(
      async ([selector, values]) => {
        const drawn = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
        await drawn();
        const tasks = [0];
        const add = (entries) => tasks.push(...entries.map(({ duration }) => duration));
        const observer = new PerformanceObserver((list) => add(list.getEntries()));
        observer.observe({ type: "longtask", buffered: values.length === 0 });
        for (const value of values) {
          const select = document.querySelector(selector);
          select.value = value;
          select.dispatchEvent(new Event("change"));
          await drawn();
        }
        await drawn();
        add(observer.takeRecords());
        return Math.max(...tasks);
      },
      change ?? ["", []],
    );

  test("are shown and filtered in a part of the time that all of them at once take", async (t) => {
    const page = await open(t, browser, "large");
    const shown = await longestTask(page);
    const filtered = await longestTask(page, ["#kind", ["missing-platform", ""]]);
    const change = (html) =>
      html.replace(/<meta http-equiv[^>]*>/, "").replace("const ROWS = 50;", "const ROWS = 1e5;");
    const withAll = await open(t, browser, "large", { change });
    assert.equal(await rows(withAll), 10_000);
    const all = await longestTask(withAll);
    const times = `longest tasks: shown ${shown}, filtered ${filtered}, all at once ${all} ms`;
    t.diagnostic(times);
    // On one machine in one run, since a busy one takes longer for each of them.
    assert.ok(Math.max(shown, filtered) * 4 < all, times);
  });
});

describe("pictures", () => {
  const directory = process.env.AUDIT_PICTURES;
  mkdirSync(directory, { recursive: true });
  const picture = (page, name) => page.screenshot({ path: path.join(directory, `audit-${name}.png`) });

  for (const scheme of ["light", "dark"]) {
    test(`of the page, ${scheme}`, async (t) => {
      const page = await open(t, browser, "demonstration", { width: 1120, height: 1000, scheme });
      await picture(page, scheme);
    });
  }

  test("of the versions", async (t) => {
    // So high that nothing scrolls, and the filters cover nothing.
    const page = await open(t, browser, "demonstration", { width: 1120, height: 4_000 });
    await page.selectOption("#repository", "shop/search");
    await page.locator("#versions").screenshot({ path: path.join(directory, "audit-versions.png") });
  });

  test("of a phone", async (t) => {
    const page = await open(t, browser, "demonstration", { width: 390, height: 844, scheme: "dark" });
    await picture(page, "phone");
  });
});

// The parts of the page, and what a reader chooses.

const showHead = () => {
  const { registry } = report;
  const account = registry.account ? `Account ${registry.account}` : "Own account";
  const asOf = report.as_of ? `, judged as of ${shown(report.as_of)}` : "";
  byId("what").textContent = `${account} in ${registry.region}, ${shown(report.audited_at)}${asOf}`;
  document.title = `Audit of multi-architecture images in ${registry.region}`;
  const { totals } = report;
  const tiles = [
    ["Findings", number.format(totals.findings), totals.findings > 0],
    ["Tags with findings", number.format(totals.tags_with_findings), false],
    ["Versions", number.format(totals.versions), false],
    ["Repositories", number.format(totals.repositories), false],
    ...report.coverage.platforms.slice(0, 2).map((covered) => {
      // The last period with a version tells where the platform is today.
      const last = report.coverage.versions.findLastIndex((count) => count > 0);
      return [
        covered.platform,
        share(covered.versions[last], report.coverage.versions[last]),
        false,
        during(report.timeline.periods[last]),
      ];
    }),
  ];
  byId("totals").replaceChildren(
    ...tiles.map(([name, value, isBad, when]) =>
      html(
        "div",
        isBad ? { class: "bad" } : {},
        html("dt", { class: "text" }, name),
        html("dd", {}, value, ...(when ? [" ", html("small", {}, when)] : [])),
      ),
    ),
  );
  const areNotJudged = (count) => `${count === 1 ? "is" : "are"} not judged.`;
  const readExceptFailures = report.failures.length === 0 ? "" : ", except where it says otherwise";
  const notes = [
    report.deep
      ? `Manifests and configs were read${readExceptFailures}.`
      : "By scans alone: contents of lists, configs and revisions were not read. --deep reads them.",
  ];
  if (totals.recent > 0) {
    const recent = counted(totals.recent, "version", "versions");
    notes.push(`${recent} of the last hour ${areNotJudged(totals.recent)} --as-of +1h judges all.`);
  }
  if (totals.archived > 0) {
    const archived = counted(totals.archived, "archived version", "archived versions");
    notes.push(`${archived} ${areNotJudged(totals.archived)}`);
  }
  if (report.unmatched) notes.push(`No repository matches ${report.unmatched.join(" or ")}.`);
  notes.push(...(report.limits ?? []));
  byId("mode").textContent = notes.join(" ");
  if (report.failures.length > 0) {
    const failures = byId("failures");
    failures.hidden = false;
    const items = report.failures
      .slice(0, ROWS)
      .map((failure) => html("li", { class: "text" }, `${failure.repository}: ${failure.message}`));
    failures.replaceChildren(
      html(
        "p",
        {},
        `${counted(report.failures.length, "repository was", "repositories were")} not audited completely:`,
      ),
      html("ul", {}, ...items),
    );
  }
};

const fillFilters = () => {
  const option = (value, text) => {
    const element = html("option", {}, text);
    element.value = value;
    return element;
  };
  byId("repository").append(
    ...report.repositories.map(({ name, findings }) =>
      option(name, findings > 0 ? `${name} (${number.format(findings)})` : name),
    ),
  );
  byId("kind").append(
    ...report.kinds.map(({ kind, title, findings }) => option(kind, `${title} (${number.format(findings)})`)),
  );
};

const showFindings = () => {
  const groups = new Map();
  for (const finding of matching.findings) {
    const group = groups.get(finding.kind);
    if (group) group.push(finding);
    else groups.set(finding.kind, [finding]);
  }
  const sections = report.kinds
    .filter((kind) => groups.has(kind.kind))
    .map((kind) => showKind(kind, groups.get(kind.kind)));
  const none = report.findings.length === 0 ? "Nothing was found." : "No finding matches the filters.";
  byId("kinds").replaceChildren(...(sections.length > 0 ? sections : [html("p", { class: "quiet" }, none)]));
};

const showKind = (kind, findings) => {
  const list = html("ul", { class: "list" });
  const rest = html("button", { type: "button", class: "small" });
  const showMore = (count) => {
    const from = list.childElementCount;
    list.append(...findings.slice(from, from + count).map(showFinding));
    const left = findings.length - list.childElementCount;
    rest.hidden = left === 0;
    rest.textContent = `Show ${number.format(Math.min(left, MORE))} more of ${number.format(left)}: ${kind.title}`;
    return list.children[from];
  };
  rest.addEventListener("click", () => {
    const first = showMore(MORE);
    // The button may be gone, and the reader goes on with the first that is new.
    first.tabIndex = -1;
    first.focus({ preventScroll: true });
  });
  showMore(FINDINGS);
  const heading = html("h3", {}, `${kind.title} `, html("span", { class: "n" }, number.format(findings.length)));
  return html(
    "div",
    { class: "kind" },
    heading,
    html("p", {}, html("span", { class: "quiet" }, kind.meaning), " ", kind.remedy),
    list,
    rest,
  );
};

const showFinding = (finding) => {
  const item = html(
    "li",
    {},
    html(
      "div",
      { class: "text" },
      html("code", {}, finding.key),
      " ",
      html("span", { class: "text" }, finding.message),
    ),
  );
  if (finding.request) {
    const text = JSON.stringify(finding.request);
    item.append(
      html(
        "div",
        { class: "request" },
        html("code", {}, text),
        copyButton(text, `Copy the request for ${finding.key}`),
      ),
    );
  }
  if (finding.obstacle) {
    item.append(html("div", { class: "quiet text" }, `No request fixes it yet: ${finding.obstacle}.`));
  }
  return item;
};

const cellOf = (row, platform) => {
  const position = row.repository.platforms.indexOf(platform);
  if (row.version.platforms === null) return ["unknown", "not known"];
  if (row.version.platforms.includes(position)) return ["yes", "yes"];
  return row.version.missing?.includes(position) ? ["lacks", "missing"] : ["no", "no"];
};

const showMatrix = () => {
  const pages = Math.max(1, Math.ceil(matching.versions.length / ROWS));
  state.page = Math.min(state.page, pages - 1);
  const rows = matching.versions.slice(state.page * ROWS, (state.page + 1) * ROWS);
  // The columns are those of the rows that are shown: a registry may have many platforms.
  const platforms = [...new Set(rows.flatMap((row) => row.repository.platforms))];
  const column = (text, isCentered) =>
    html("th", isCentered ? { scope: "col", class: "center" } : { scope: "col" }, text);
  const head = html(
    "tr",
    {},
    column("Version"),
    ...platforms.map((platform) => column(platform, true)),
    column("Its tag names"),
    column("Newest push"),
    column("Findings"),
  );
  const body = rows.map((row) => {
    const cells = platforms.map((platform) => {
      const [state, text] = cellOf(row, platform);
      return html(
        "td",
        { class: "center" },
        html("span", { class: `cell ${state}` }, html("span", { class: "hidden" }, text)),
      );
    });
    const kinds = [...new Set(row.findings.map((finding) => finding.kind))].map((kind) =>
      html("span", { class: "badge" }, titles.get(kind)),
    );
    const unjudged = row.version.recent ? "too young to be judged" : row.version.archived ? "archived" : undefined;
    const findings = unjudged ? [unjudged] : kinds;
    const version = html("th", { scope: "row" }, html("code", {}, state.repository ? row.version.tag : row.key));
    version.title = row.key;
    return html(
      "tr",
      {},
      version,
      ...cells,
      html("td", {}, named[row.version.names]),
      html("td", {}, row.version.pushed_at.slice(0, 10)),
      html("td", {}, ...findings),
    );
  });
  const caption = html(
    "caption",
    {},
    state.repository ? `Versions of ${state.repository}` : "Versions of all repositories, the newest push first",
  );
  byId("matrix").replaceChildren(caption, html("thead", {}, head), html("tbody", {}, ...body));
  showPager("", state.page, pages);
};

const showPager = (prefix, page, pages) => {
  byId(`${prefix}page`).textContent = `Page ${number.format(page + 1)} of ${number.format(pages)}`;
  byId(`${prefix}previous`).disabled = page === 0;
  byId(`${prefix}next`).disabled = page === pages - 1;
  byId(`${prefix}page`).parentElement.hidden = pages === 1;
};

const showSettings = () => {
  const commands = report.settings_commands;
  if (!commands) return;
  const block = (title, text, label) =>
    html("div", { class: "stack" }, html("p", {}, title), html("pre", {}, text), copyButton(text, label));
  byId("settings").replaceChildren(
    ...(report.settings_warnings ?? []).map((warning) => html("p", {}, warning)),
    block(
      "Settings of the function for these repositories, as variables of a shell:",
      commands.export,
      "Copy the settings as variables",
    ),
    block("The same as parameters of a deployment:", commands.deploy, "Copy the settings as parameters"),
  );
};

const countsOf = (aliases) => aliases.map(({ template, tags }) => `${template} (${number.format(tags)})`).join(", ");

const showGuesses = () => {
  const all = state.repository ? [repositories.get(state.repository)] : report.repositories;
  const pages = Math.max(1, Math.ceil(all.length / ROWS));
  state.guessPage = Math.min(state.guessPage, pages - 1);
  const rows = all.slice(state.guessPage * ROWS, (state.guessPage + 1) * ROWS).map(({ name, guess, request }) => {
    const platforms = guess.platforms.map(
      (guessed) => `${guessed.platform}=${guessed.tag_part} (${number.format(guessed.tags)})`,
    );
    const streams = (guess.streams ?? []).map(
      ({ releases, aliases, evidence }) =>
        html("p", { class: "text" }, html("code", {}, releases), `: ${countsOf(aliases)}; ${evidence}.`),
    );
    const fix = html("td", { class: "wrap" });
    if (request) {
      const text = JSON.stringify(request);
      fix.append(
        html("div", { class: "request" }, html("code", {}, text), copyButton(text, `Copy the sweep of ${name}`)),
      );
    }
    return html(
      "tr",
      {},
      html("th", { scope: "row" }, html("code", {}, name)),
      html("td", {}, guess.tag_template ? html("code", {}, guess.tag_template) : "no tag names a platform"),
      html("td", { class: "wrap" }, html("span", { class: "text" }, platforms.join(", "))),
      html("td", {}, `${number.format(guess.platform_tags)} of ${number.format(guess.tags)}`),
      html("td", { class: "wrap" }, html("span", { class: "text" }, countsOf(guess.aliases)), ...streams),
      html("td", { class: "wrap" }, html("span", { class: "text" }, guess.warnings.join(" "))),
      fix,
    );
  });
  const head = [
    "Repository",
    "Tag template",
    "Platforms (tags)",
    "Platform tags",
    "Aliases (tags)",
    "Warnings",
    "Sweep that fixes it",
  ].map((text) => html("th", { scope: "col" }, text));
  byId("guess-table").replaceChildren(html("thead", {}, html("tr", {}, ...head)), html("tbody", {}, ...rows));
  showPager("guess-", state.guessPage, pages);
};

const filter = () => {
  const text = state.text.trim().toLowerCase();
  const isChosen = (finding) =>
    (!state.repository || finding.repository === state.repository) &&
    (!state.kind || finding.kind === state.kind) &&
    (!text || finding.searched.includes(text));
  const isShown = ({ repository, searched, findings }) =>
    (!state.repository || repository.name === state.repository) &&
    (!state.kind || findings.some((finding) => finding.kind === state.kind)) &&
    (!state.only || findings.length > 0) &&
    (!text || searched.includes(text) || findings.some(isChosen));
  matching = { findings: report.findings.filter(isChosen), versions: versions.filter(isShown) };
  state.page = 0;
  showFindings();
  showMatrix();
  const note = matching.findings.some(({ key }) => !rowKeys.has(key)) ? " Aliases are not versions." : "";
  const findingsMatching = counted(matching.findings.length, "finding", "findings");
  const versionsMatching = counted(matching.versions.length, "version", "versions");
  announce(`${findingsMatching} and ${versionsMatching} match.${note}`);
};
const chooseRepository = () => {
  state.guessPage = 0;
  showCoverage();
  showGuesses();
};

byId("repository").addEventListener("change", (event) => {
  state.repository = event.target.value;
  chooseRepository();
  filter();
});
byId("kind").addEventListener("change", (event) => {
  state.kind = event.target.value;
  filter();
});
byId("only").addEventListener("change", (event) => {
  state.only = event.target.checked;
  filter();
});
let typing;
byId("text").addEventListener("input", (event) => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    state.text = event.target.value;
    filter();
  }, TYPING);
});
const form = byId("reset").form;
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => {
  clearTimeout(typing);
  Object.assign(state, { repository: "", kind: "", text: "", only: false });
  chooseRepository();
  filter();
});
const turn = (id, field, by, show) =>
  byId(id).addEventListener("click", () => {
    state[field] += by;
    show();
  });
turn("previous", "page", -1, showMatrix);
turn("next", "page", 1, showMatrix);
turn("guess-previous", "guessPage", -1, showGuesses);
turn("guess-next", "guessPage", 1, showGuesses);

showHead();
fillFilters();
showSettings();
chooseRepository();
filter();
let drawn = byId("chart").clientWidth;
new ResizeObserver(() => {
  if (byId("chart").clientWidth === drawn) return;
  drawn = byId("chart").clientWidth;
  showCoverage();
}).observe(byId("chart"));
document.documentElement.dataset.ready = "true";

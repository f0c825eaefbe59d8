// The coverage by platform, as a chart and as a table.

/** What the bars show: they have no axis of their own, so it says how many versions the longest one stands for. */
const barsText = (coverage) => `versions in the period, at most ${number.format(Math.max(...coverage.versions))}`;

const showCoverage = () => {
  const coverage = state.repository ? repositories.get(state.repository).coverage : report.coverage;
  const { periods, unit } = report.timeline;
  byId("unit").textContent = unit;
  const isEmpty = coverage.platforms.length === 0;
  byId("legend").replaceChildren(
    ...coverage.platforms
      .slice(0, SERIES)
      .map((covered, index) =>
        html(
          "li",
          { class: `c${index}` },
          html("span", { class: `swatch d${index}`, "aria-hidden": "true" }),
          html("span", { class: "text" }, covered.platform),
        ),
      ),
  );
  if (!isEmpty) {
    byId("legend").append(
      html("li", {}, html("span", { class: "swatch bars", "aria-hidden": "true" }), barsText(coverage)),
    );
  }
  const chart = byId("chart");
  if (isEmpty) {
    chart.replaceChildren(html("p", { class: "quiet" }, "The platforms of no version are known."));
    byId("coverage-table").replaceChildren();
    return;
  }
  chart.replaceChildren(drawChart(coverage, periods, Math.max(chart.clientWidth, 240)));
  const head = html(
    "tr",
    {},
    html("th", { scope: "col" }, unit),
    html("th", { scope: "col" }, "versions"),
    ...coverage.platforms.map((covered) => html("th", { scope: "col" }, covered.platform)),
  );
  const rows = periods.map((period, index) => {
    const all = coverage.versions[index];
    const cells = coverage.platforms.map((covered) =>
      html(
        "td",
        {},
        all === 0 ? "" : `${share(covered.versions[index], all)} (${number.format(covered.versions[index])})`,
      ),
    );
    return html("tr", {}, html("th", { scope: "row" }, period), html("td", {}, number.format(all)), ...cells);
  });
  byId("coverage-table").replaceChildren(html("thead", {}, head), html("tbody", {}, ...rows.reverse()));
};

const drawChart = (coverage, periods, width) => {
  const height = width < 480 ? 180 : 220;
  const box = { left: 36, right: width - 8, top: 10, bottom: height - 24 };
  const x = (index) =>
    periods.length === 1
      ? (box.left + box.right) / 2
      : box.left + 8 + ((box.right - box.left - 16) * index) / (periods.length - 1);
  const y = (part) => box.bottom - (box.bottom - box.top) * part;
  const last = coverage.versions.findLastIndex((count) => count > 0);
  const now = coverage.platforms
    .slice(0, SERIES)
    .map((covered) => `${covered.platform} ${share(covered.versions[last], coverage.versions[last])}`);
  const lastVersions = counted(coverage.versions[last], "version", "versions");
  const shares = `Last, ${during(periods[last])}: ${now.join(", ")} of ${lastVersions}.`;
  const description = `${periods[0]} to ${periods.at(-1)}. ${shares}`;
  const picture = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-labelledby": "chart-title chart-text",
  });
  picture.append(
    svg("title", { id: "chart-title" }, "Share of versions with each platform over time"),
    svg("desc", { id: "chart-text" }, description),
  );
  for (const part of [0, 0.5, 1]) {
    picture.append(svg("line", { class: "grid", x1: box.left, x2: box.right, y1: y(part), y2: y(part) }));
    picture.append(svg("text", { x: box.left - 6, y: y(part) + 4, "text-anchor": "end" }, `${part * 100}%`));
  }
  const most = Math.max(...coverage.versions);
  const barWidth = Math.max(1, Math.min(18, (box.right - box.left) / periods.length - 2));
  coverage.versions.forEach((count, index) => {
    if (count === 0) return;
    const top = y((0.25 * count) / most);
    const bar = svg("rect", {
      class: "bar",
      x: x(index) - barWidth / 2,
      width: barWidth,
      y: top,
      height: box.bottom - top,
    });
    bar.append(svg("title", {}, `${periods[index]}: ${counted(count, "version", "versions")}`));
    picture.append(bar);
  });
  const labels = Math.max(1, Math.ceil(periods.length / Math.floor(width / 84)));
  periods.forEach((period, index) => {
    if ((periods.length - 1 - index) % labels !== 0) return;
    const anchor = periods.length > 1 && index === periods.length - 1 ? "end" : index === 0 ? "start" : "middle";
    picture.append(
      svg("text", { x: anchor === "end" ? box.right : x(index), y: height - 7, "text-anchor": anchor }, period),
    );
  });
  // Periods without a version have no share: the line goes on to the next one that has.
  coverage.platforms.slice(0, SERIES).forEach((covered, series) => {
    const points = covered.versions.flatMap((count, index) => {
      const all = coverage.versions[index];
      return all === 0
        ? []
        : [{ x: x(index), y: y(count / all), text: `${periods[index]}: ${covered.platform} ${share(count, all)}` }];
    });
    const line = points.map((point) => `${point.x.toFixed(1)},${point.y.toFixed(1)}`).join(" ");
    picture.append(svg("polyline", { class: `series c${series} d${series}`, points: line }));
    if (points.length <= 60) {
      picture.append(
        ...points.map((point) => {
          const dot = svg("circle", {
            class: `dot c${series}`,
            cx: point.x.toFixed(1),
            cy: point.y.toFixed(1),
            r: 2.5,
          });
          dot.append(svg("title", {}, point.text));
          return dot;
        }),
      );
    }
  });
  return picture;
};

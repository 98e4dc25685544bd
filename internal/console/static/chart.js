// Draws a table as a chart, above it: <table data-chart="ID"> with rows of a time (data-x, in seconds) and values (data-y).
"use strict";
(() => {
  const color = (name) => {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const c = getComputedStyle(probe).color;
    probe.remove();
    return c;
  };
  // moment writes a tick as tables do: in UTC, a date or a time of day.
  const moment = (t, step) => new Date(t * 1000).toISOString().slice(...(step >= 86400 ? [0, 10] : step >= 60 ? [11, 16] : [11, 19]));
  const drawn = new Map();
  const draw = () => {
    for (const table of document.querySelectorAll("table[data-chart]")) {
      const box = document.getElementById(table.dataset.chart);
      const rows = [...table.querySelectorAll("tr[data-x]")];
      if (!box || rows.length < 2) continue;
      box.hidden = false; // or it would have no width
      drawn.get(box)?.destroy();
      box.replaceChildren();
      const x = rows.map((r) => Number(r.dataset.x));
      const y = rows.map((r) => Number(r.dataset.y));
      const order = x.map((_, i) => i).sort((a, b) => x[a] - x[b]);
      const lines = table.dataset.lines !== undefined;
      const axis = { stroke: color("--quiet"), grid: { stroke: color("--rule"), width: 1 }, ticks: { stroke: color("--rule") }, font: "12px system-ui" };
      const series = { stroke: color("--accent"), fill: color(lines ? "--wash" : "--accent"), width: lines ? 1.5 : 0, points: { show: false } };
      if (!lines) series.paths = uPlot.paths.bars({ size: [0.8, 40], align: 0 });
      drawn.set(box, new uPlot({
        width: box.clientWidth, height: 150, legend: { show: false }, cursor: { drag: { x: false, y: false } },
        scales: { y: { range: (_, __, high) => [0, Math.max(1, high * 1.1)] } },
        axes: [{ ...axis, values: (_, at, __, ___, step) => at.map((t) => moment(t, step)) }, { ...axis, size: 52 }], series: [{}, series],
        tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      }, [order.map((i) => x[i]), order.map((i) => y[i])], box));
    }
  };
  document.addEventListener("DOMContentLoaded", draw);
  document.addEventListener("console:drawn", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  let waiting;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(draw, 150); });
})();

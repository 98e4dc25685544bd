// Draws a table of edges as a graph, above it: <table data-graph="ID"> with rows that have data-from, data-to and data-label;
// names, kinds and addresses of nodes come from rows with data-node. Labels are text on a canvas, never HTML.
"use strict";
(() => {
  const most = 500;
  const css = (name) => {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const c = getComputedStyle(probe).color;
    probe.remove();
    return c;
  };
  const clip = (s) => (s.length > 34 ? s.slice(0, 32) + "…" : s);
  // columns places flows from left to right: givers, agreement, readers or the givers of the next one, and so on.
  const columns = (nodes, edges) => {
    const level = new Map(), at = new Map(), rows = new Map();
    const isAgreement = (id) => nodes.get(id).kind === "agreement";
    const releases = edges.filter((e) => isAgreement(e.data.source) && isAgreement(e.data.target));
    for (const id of nodes.keys()) if (isAgreement(id)) level.set(id, 0);
    for (let pass = 0; pass < Math.min(nodes.size, 20); pass++) {
      for (const e of releases) level.set(e.data.target, Math.max(level.get(e.data.target), Math.min(level.get(e.data.source) + 1, 20)));
    }
    for (const [id, n] of level) at.set(id, 2 * n + 1);
    for (const e of edges) if (!isAgreement(e.data.source)) at.set(e.data.source, Math.max(at.get(e.data.source) ?? 0, 2 * level.get(e.data.target)));
    for (const e of edges) if (!isAgreement(e.data.target) && !edges.some((o) => o.data.source === e.data.target)) at.set(e.data.target, Math.max(at.get(e.data.target) ?? 0, 2 * level.get(e.data.source) + 2));
    const place = {};
    for (const [id, column] of at) {
      const row = rows.get(column) ?? 0;
      rows.set(column, row + 1);
      place[id] = { x: column * 190, y: row };
    }
    for (const [id, column] of at) place[id].y = (place[id].y - (rows.get(column) - 1) / 2) * 70;
    return place;
  };
  document.addEventListener("DOMContentLoaded", () => {
    for (const table of document.querySelectorAll("table[data-graph]")) {
      const box = document.getElementById(table.dataset.graph);
      const nodes = new Map();
      for (const r of document.querySelectorAll("[data-node]")) {
        nodes.set(r.dataset.node, { id: r.dataset.node, label: clip(r.dataset.name || r.dataset.node), kind: r.dataset.kind || "", href: r.dataset.href || "", depth: Number(r.dataset.depth || 0) });
      }
      const edges = [];
      for (const r of table.querySelectorAll("tr[data-from]")) {
        if (!nodes.has(r.dataset.from) || !nodes.has(r.dataset.to)) continue;
        const passes = nodes.get(r.dataset.from).kind === "agreement" && nodes.get(r.dataset.to).kind === "agreement";
        edges.push({ classes: passes ? "passes" : "", data: { source: r.dataset.from, target: r.dataset.to, label: clip(r.dataset.label || "") } });
      }
      if (!box || nodes.size < 2 || nodes.size > most) continue;
      const flows = table.dataset.layout === "flows";
      box.hidden = false;
      const cy = cytoscape({
        container: box, elements: [...[...nodes.values()].map((data) => ({ data })), ...edges],
        minZoom: 0.2, maxZoom: 3,
        style: [
          { selector: "node", style: { label: "data(label)", "font-size": 11, color: css("--text"), "background-color": css("--edge"), width: 18, height: 18, "text-valign": "bottom", "text-margin-y": 4, "text-outline-width": 2, "text-outline-color": css("--sheet") } },
          { selector: "node[depth = 0]", style: { "background-color": css("--accent"), width: 26, height: 26 } },
          { selector: "node[kind = 'agreement']", style: { shape: "round-rectangle", width: 30, "background-color": css("--accent") } },
          { selector: "edge", style: { label: "data(label)", "font-size": 9, color: css("--quiet"), width: 1.2, "line-color": css("--edge"), "target-arrow-color": css("--edge"), "target-arrow-shape": "triangle", "curve-style": "bezier", "text-outline-width": 2, "text-outline-color": css("--sheet") } },
          { selector: "edge.passes", style: { "curve-style": "unbundled-bezier", "control-point-distances": [-64], "control-point-weights": [0.5], width: 2, "line-color": css("--accent"), "target-arrow-color": css("--accent") } },
        ],
        layout: flows
          ? { name: "preset", positions: columns(nodes, edges), padding: 28 }
          : { name: "concentric", concentric: (n) => 10 - n.data("depth"), levelWidth: () => 1, minNodeSpacing: 110, padding: 24 },
      });
      if (cy.zoom() > 1.15) { cy.zoom(1.15); cy.center(); }
      cy.on("tap", "node", (e) => { const to = e.target.data("href"); if (to) location.assign(to); });
    }
  });
})();

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
        edges.push({ data: { source: r.dataset.from, target: r.dataset.to, label: clip(r.dataset.label || "") } });
      }
      if (!box || nodes.size < 2 || nodes.size > most) continue;
      const flows = table.dataset.layout === "flows";
      box.hidden = false;
      const cy = cytoscape({
        container: box, elements: [...[...nodes.values()].map((data) => ({ data })), ...edges],
        wheelSensitivity: 0.3, minZoom: 0.2, maxZoom: 3,
        style: [
          { selector: "node", style: { label: "data(label)", "font-size": 11, color: css("--text"), "background-color": css("--edge"), width: 18, height: 18, "text-valign": "bottom", "text-margin-y": 4, "text-outline-width": 2, "text-outline-color": css("--sheet") } },
          { selector: "node[depth = 0]", style: { "background-color": css("--accent"), width: 26, height: 26 } },
          { selector: "node[kind = 'agreement']", style: { shape: "round-rectangle", width: 30, "background-color": css("--accent") } },
          { selector: "edge", style: { label: "data(label)", "font-size": 9, color: css("--quiet"), width: 1.2, "line-color": css("--edge"), "target-arrow-color": css("--edge"), "target-arrow-shape": "triangle", "curve-style": "bezier", "text-outline-width": 2, "text-outline-color": css("--sheet") } },
        ],
        layout: flows
          ? { name: "breadthfirst", directed: true, spacingFactor: 1.1, padding: 24 }
          : { name: "concentric", concentric: (n) => 10 - n.data("depth"), levelWidth: () => 1, minNodeSpacing: 46, padding: 24 },
      });
      cy.on("tap", "node", (e) => { const to = e.target.data("href"); if (to) location.assign(to); });
    }
  });
})();

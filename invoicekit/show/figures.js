"use strict";
// Draws the report's figures from the JSON beside it, and once more in the paper's width to print.
(() => {
  const { config, figures } = JSON.parse(document.getElementById("figures").textContent);
  const PAPER = 700; // pixels between the margins of an A4 page that stands upright
  for (const { id, data, layout } of figures) Plotly.newPlot(id, data, layout, config);
  const fit = (layout) => figures.forEach(({ id }) => Plotly.relayout(id, layout));
  addEventListener("beforeprint", () => fit({ width: PAPER }));
  addEventListener("afterprint", () => fit({ width: null, autosize: true }));
})();

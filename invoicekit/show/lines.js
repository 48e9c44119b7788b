"use strict";
// A table of many lines: the data lies beside it as JSON, one page of it is in the document.
// Each column is its distinct texts in sorted order and, per row, which of them it is: a sort
// compares places, never numbers that a float could bend. Texts enter by textContent only.
(() => {
  const lines = (root) => {
    const { columns, rows } = JSON.parse(root.querySelector("script").textContent);
    const find = (name) => root.querySelector(`[data-is="${name}"]`);
    const body = root.querySelector("tbody");
    const heads = [...root.querySelectorAll("thead th")];
    const folded = columns.map((column) => column.words.map((word) => word.toLowerCase()));
    const all = Array.from({ length: rows }, (_, row) => row);
    let shown = all, page = 0, by = -1, down = false;

    const draw = () => {
      const size = Number(find("size").value);
      const pages = Math.max(1, Math.ceil(shown.length / size));
      page = Math.min(Math.max(page, 0), pages - 1);
      body.replaceChildren(...shown.slice(page * size, (page + 1) * size).map((row) => {
        const line = document.createElement("tr");
        for (const { words, places, kind } of columns) {
          const cell = line.insertCell();
          cell.textContent = words[places[row]];
          cell.className = kind;
        }
        return line;
      }));
      const first = shown.length ? page * size + 1 : 0;
      const last = Math.min((page + 1) * size, shown.length);
      const count = (number) => number.toLocaleString("en");
      find("count").textContent = `${count(first)} to ${count(last)} of ${count(shown.length)}`
        + (shown.length < rows ? ` found in ${count(rows)}` : "");
      find("back").disabled = page === 0;
      find("on").disabled = page >= pages - 1;
    };

    const pick = () => {
      const wanted = find("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
      const hits = wanted.map((part) => folded.map((words) => words.map((word) => word.includes(part))));
      shown = all.filter((row) => hits.every((columnHits) =>
        columnHits.some((hit, column) => hit[columns[column].places[row]])));
      if (by >= 0) {
        const { places } = columns[by];
        const way = down ? -1 : 1;
        shown.sort((a, b) => way * (places[a] - places[b]) || a - b);
      }
      page = 0;
      draw();
    };

    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      down = by === column ? !down : columns[column].kind === "number";
      by = column;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      pick();
    }));
    find("filter").addEventListener("input", pick);
    find("size").addEventListener("change", () => { page = 0; draw(); });
    find("back").addEventListener("click", () => { page -= 1; draw(); });
    find("on").addEventListener("click", () => { page += 1; draw(); });
    root.removeAttribute("hidden");
    draw();
  };
  for (const root of document.querySelectorAll(".ik-lines[hidden]")) lines(root);
})();

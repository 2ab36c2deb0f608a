"use strict";
// Column heads become buttons that sort. Without JavaScript the tables stay as they were written.
const NUMBER = /-?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?/i;

function valueOf(cell, isNumber) {
  const text = cell.dataset.value ?? cell.textContent.trim();
  const found = isNumber ? NUMBER.exec(text) : null;
  return isNumber ? (found ? Number(found[0].replaceAll(",", "")) : null) : text;
}

function compare(one, other, up) {
  if (one === null || other === null) return (one === null) - (other === null); // what is missing comes last
  const order = typeof one === "number" ? one - other : one.localeCompare(other, "en", { numeric: true });
  return up ? order : -order;
}

function sortBy(table, heads, column) {
  const up = heads[column].getAttribute("aria-sort") !== "ascending";
  const isNumber = heads[column].classList.contains("number");
  const rows = [...table.tBodies[0].rows].map((row) => [valueOf(row.cells[column], isNumber), row]);
  rows.sort(([one], [other]) => compare(one, other, up));
  table.tBodies[0].append(...rows.map(([, row]) => row));
  heads.forEach((head) => head.removeAttribute("aria-sort"));
  heads[column].setAttribute("aria-sort", up ? "ascending" : "descending");
}

for (const table of document.querySelectorAll("table")) {
  if (table.tBodies[0].rows.length < 2) continue;
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (!head.textContent.trim()) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sortBy(table, heads, column));
    head.append(button);
  });
}

// A box that scrolls can be reached with the keyboard.
const watch = new ResizeObserver((seen) => {
  for (const { target } of seen) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
document.querySelectorAll(".scroll").forEach((box) => watch.observe(box));

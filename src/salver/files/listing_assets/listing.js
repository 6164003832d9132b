// Sorts and filters in place what the server sorts and filters by links and a form. Without this file all of it works
// too; with it, nothing is fetched again. It reads the page alone: what is sorted by stands in the cells.
(() => {
  "use strict";
  const head = document.querySelector("thead tr");
  const body = document.querySelector("tbody.entries");
  const form = document.querySelector("form");
  const input = form.elements.namedItem("filter");
  const none = document.querySelector(".none");
  const count = document.querySelector(".count");
  const wholeCount = count.textContent;
  const served = input.defaultValue;
  const firstOrder = { name: "ascending", size: "descending", date: "descending" };
  const byName = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  const fold = (text) => text.normalize("NFC").toLowerCase();
  const pad = (number) => String(number).padStart(2, "0");

  // One pass over the table, when it is first needed: 10,000 rows must not be read once a key press.
  let rows = null;
  const read = () => rows ??= Array.from(body.rows, (row) => {
    const name = row.cells[0].querySelector("a").firstChild.data;
    return {
      row, name, folded: fold(name), folder: row.classList.contains("d"),
      size: Number(row.cells[1].firstElementChild?.value ?? 0),
      date: row.cells[2].firstElementChild?.dateTime ?? "",
    };
  });

  const compare = {
    name: (a, b) => byName.compare(a.name, b.name),
    size: (a, b) => a.size - b.size,
    date: (a, b) => (a.date < b.date ? -1 : a.date > b.date ? 1 : 0),
  };

  function sort(column, order) {
    const sign = order === "ascending" ? 1 : -1;
    const key = compare[column];
    read().sort((a, b) => b.folder - a.folder || sign * key(a, b) || compare.name(a, b));
    body.append(...rows.map((each) => each.row));
  }

  function show(column, order) {
    for (const cell of head.cells) {
      const active = cell.dataset.column === column;
      if (active) cell.setAttribute("aria-sort", order);
      else cell.removeAttribute("aria-sort");
      const next = active ? (order === "ascending" ? "descending" : "ascending") : firstOrder[cell.dataset.column];
      cell.firstElementChild.search = query(cell.dataset.column, next);
    }
    form.elements.namedItem("sort").value = column;
    form.elements.namedItem("order").value = order === "ascending" ? "asc" : "desc";
  }

  function query(column, order) {
    const wanted = new URLSearchParams({ sort: column, order: order === "ascending" ? "asc" : "desc" });
    if (served) wanted.set("filter", served);
    return wanted.toString();
  }

  head.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const wanted = new URLSearchParams(link.search);
    const order = wanted.get("order") === "desc" ? "descending" : "ascending";
    history.replaceState(null, "", link.href);
    sort(wanted.get("sort"), order);
    show(wanted.get("sort"), order);
  });

  let leaving = 0;
  function filter() {
    clearTimeout(leaving);
    const text = input.value.trim();
    if (!text.startsWith(served)) {
      // The server has left out what does not match; more than that has to be asked for.
      leaving = setTimeout(() => form.submit(), 350);
      return;
    }
    const words = fold(text).split(/\s+/).filter(Boolean);
    let left = 0;
    for (const each of read()) {
      const match = words.every((word) => each.folded.includes(word));
      if (each.row.hidden === match) each.row.hidden = !match;
      left += match;
    }
    count.textContent = text === served ? wholeCount : `${left} of ${rows.length}`;
    none.hidden = left > 0;
    if (rows.length) none.textContent = `No name here contains “${text}”.`;
  }
  input.addEventListener("input", filter);
  form.addEventListener("submit", (event) => {
    if (input.value.trim().startsWith(served)) event.preventDefault();
  });

  document.addEventListener("keydown", (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    if (event.key === "/" && document.activeElement !== input) {
      event.preventDefault();
      input.select();
    } else if (event.key === "Escape" && document.activeElement === input && input.value) {
      event.preventDefault();
      input.value = "";
      filter();
    }
  });

  // The exact size of what the pointer is over.
  body.addEventListener("pointerover", (event) => {
    const size = event.target.closest("td")?.querySelector("data");
    if (size && !size.title) size.title = `${Number(size.value).toLocaleString()} bytes`;
  });

  // The server knows no one's time zone and says UTC; here the reader's is known.
  for (const time of document.querySelectorAll("tbody time")) {
    const at = new Date(time.dateTime);
    time.textContent = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${pad(at.getHours())}:${pad(at.getMinutes())}`;
  }
  for (const each of document.querySelectorAll(".utc")) each.remove();

  if (input.value) {
    input.focus();
    input.setSelectionRange(input.value.length, input.value.length);
    if (input.value !== served) filter(); // a value that the browser has kept over a reload
  }
})();

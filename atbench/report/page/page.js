// Unpacks what the page carries, draws tables and figures when they come into view, and answers switches and clicks.
const unpacked = (id) => {
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")));
};
const module = async (id) => {
  const url = URL.createObjectURL(new Blob([await unpacked(id).text()], { type: "text/javascript" }));
  const loaded = await import(url);
  URL.revokeObjectURL(url);
  return loaded;
};
const [data, { ITable }] = await Promise.all([unpacked("data").json(), module("datatables"), module("vega")]);

const views = new Map(); // element of a figure -> its Vega view
const LAYOUT = { topStart: null, topEnd: "search", bottomStart: "info", bottomEnd: "paging" };

function drawTable(table) {
  const long = table.tBodies[0].rows.length > 40;
  const named = [...Array(Number(table.dataset.filtered)).keys()];
  new ITable(table, {
    autoWidth: false, order: [], paging: long, pageLength: 25, info: long, layout: LAYOUT,
    ordering: { indicators: true, handler: true },
    columnDefs: [{ targets: named, columnControl: [["searchList"]] }],
  });
}

async function drawChart(place) {
  const options = { actions: { export: true, source: false, compiled: false, editor: false }, renderer: "svg", config: data.theme };
  const { view } = await window.vegaEmbed(place, data.charts[place.dataset.chart], options);
  view.addEventListener("click", (_, item) => item?.datum?.o && show(item.datum.o, item.datum.words));
  views.set(place, view);
  place.dataset.drawn = "yes";
  hide(place);
}

function hide(place) { // in one figure, the methods that are switched off
  const boxes = place.closest(".side, .suite")?.querySelectorAll(":scope > .legend input") ?? [];
  if (boxes.length) views.get(place).signal("shown", [...boxes].filter((b) => b.checked).map((b) => b.value)).runAsync();
}

const seen = new IntersectionObserver((entries) => entries.filter((e) => e.isIntersecting).forEach(({ target }) => {
  seen.unobserve(target);
  target.matches("table") ? drawTable(target) : drawChart(target);
}), { rootMargin: "300px" });
document.querySelectorAll("table.grid, .chart").forEach((element) => seen.observe(element));

document.addEventListener("change", ({ target }) => {
  if (target.closest(".legend")) target.closest(".side, .suite").querySelectorAll(".chart[data-drawn]").forEach(hide);
  if (target.dataset.switch) document.querySelectorAll(`[data-group="${CSS.escape(target.dataset.switch)}"]`).forEach(
    (element) => { element.hidden = target.value !== "*" && element.dataset.name !== target.value; });
});
document.addEventListener("input", ({ target }) => {
  if (target.type !== "range") return;
  const nfe = target.dataset.nfes.split(" ")[target.value];
  target.closest(".sheet").style.setProperty("--i", target.value);
  target.nextElementSibling.value = nfe;
  target.setAttribute("aria-valuetext", `${nfe} network evaluations`);
});

// Where a number comes from.
const made = (tag, text = "", ...children) => {
  const element = document.createElement(tag);
  element.textContent = text;
  element.append(...children);
  return element;
};
const line = (tag, cells) => made("tr", "", ...cells.map((cell) => made(tag, cell ?? "")));
const number = (value) => (typeof value === "number" ? String(Number(value.toPrecision(6))) : value);

function seeds(key) { // a table of the seeds of one cell, and their records
  const rows = data.origins[key];
  const head = made("h3", key.replace(/^other\d+:/, "there: "));
  if (!rows) return [head, made("p", "No record: the cells are missing.")];
  const names = ["fd", "fd_se", "kid", "is"].filter((name) => rows.some((row) => name in (row.record?.metrics ?? {})));
  const table = made("table", "", line("th", ["seed", ...names.map((name) => data.labels[name]), "state", "commit", "made"]));
  table.append(...rows.map((row) => line("td", [row.seed ?? "", ...names.map((name) => number(row.record?.metrics?.[name])),
    row.problem ? `${row.status}: ${row.problem}` : row.status, row.record?.provenance?.commit?.slice(0, 10),
    row.record?.provenance?.date?.slice(0, 10)])));
  const records = rows.map((row) => made("details", "", made("summary", row.path), made("pre", JSON.stringify(row.record, null, 1))));
  return [head, table, ...records];
}

function show(origin, title) {
  const verdict = data.verdicts[origin];
  const keys = verdict ? verdict.keys : origin.split(" ");
  const found = verdict ? [made("table", "", ...Object.entries(verdict.found).map(([name, value]) => line("td", [name, number(value)])))] : [];
  found.forEach((table) => table.classList.add("found"));
  document.getElementById("origin-title").textContent = title;
  document.getElementById("origin-body").replaceChildren(...found, ...keys.flatMap(seeds));
  document.getElementById("origin").showModal();
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button[data-origin]");
  if (!button) return;
  const cell = button.closest("td");
  const names = [...cell.parentElement.querySelectorAll("th")].map((th) => th.textContent.trim());
  const head = cell.closest("table").tHead.rows[0].cells[cell.cellIndex].textContent.trim();
  show(button.dataset.origin, `${[...names, head].filter(Boolean).join(", ")}: ${button.textContent}`);
});
document.documentElement.dataset.ready = "yes";

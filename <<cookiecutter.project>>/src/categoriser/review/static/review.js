// The review's page: it shows groups, and tells the server what a person says of them.
// All text of transactions is set as text, never as markup.
"use strict";

const GROUPS_AT_ONCE = 50;
const ASK_FOR_NEWS_EVERY_MS = 5000;
const KEYS_SETTING = "review-keys";

const byId = (id) => document.getElementById(id);

const page = {
  done: false, // which groups are shown: to label, or labelled
  groups: [], // in the order of their numbers, each with the entries of the journal it was `seen` at
  next: null, // the number from which the next groups come
  selected: null, // the number of the group that is worked on
  place: -1, // the number of the group that was selected last
  entries: 0, // of the server's journal, that all groups here show
  progress: null,
  chosen: new Set(), // rows of the selected group
  rows: null, // its rows, where they are shown
  nextRow: null,
  rule: null, // the form of a rule for the selected group, where it is shown
  skipped: new Set(),
};

// What is to be done is done one after the other, in the order in which it was asked for.
let lastTask = Promise.resolve();
function queue(task) {
  lastTask = lastTask.then(task).catch((error) => showFault(error.message));
}

// What a person asks for; what went wrong before it has been read by then.
function inTurn(task) {
  queue(() => {
    showFault("");
    return task();
  });
}

async function ask(address, body) {
  const options = body === undefined ? {} : {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  let answer;
  try {
    answer = await fetch(address, options);
  } catch {
    throw new Error("The review does not answer: it has ended. Start it again, and open the address that it prints.");
  }
  if (answer.ok) {
    return answer.json();
  }
  const isJson = (answer.headers.get("content-type") || "").startsWith("application/json");
  throw new Error(isJson ? (await answer.json()).detail : await answer.text());
}

// How things are written.

const plural = (count, name) => `${count.toLocaleString("en")} ${name}${count === 1 ? "" : "s"}`;
const spaced = (name) => name.replaceAll("_", " ");
const percent = (share) => `${Math.round(100 * share)}\u00a0%`;
const money = (price) => price.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

function priceRange(group) {
  if (group.lowest === null) {
    return "no price";
  }
  return group.lowest === group.highest ? money(group.lowest) : `${money(group.lowest)} to ${money(group.highest)}`;
}

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function showFault(words) {
  byId("fault").textContent = words;
  byId("fault").hidden = words === "";
}

function say(words) {
  byId("said").textContent = words;
}

// The groups.

function indexOf(number) {
  return page.groups.findIndex((state) => state.group.number === number);
}

function selectedState() {
  return page.groups[indexOf(page.selected)];
}

// Groups from a number on that are not skipped. The server knows no skips, and gives less than was
// asked for where that is much.
async function fetchGroups(start, count) {
  const found = await ask(`/groups?start=${start}&count=${count}&done=${page.done}`);
  showProgress(found.progress);
  const { entries } = found.progress;
  const groups = found.groups.filter((state) => !page.skipped.has(state.group.number)).map((state) => ({ ...state, seen: entries }));
  return { groups, next: found.next, entries };
}

// Fetch so many groups, all that are shown, and the selected one.
async function fetchShown(count) {
  const last = Math.max(page.selected ?? -1, ...page.groups.map((state) => state.group.number));
  const found = await fetchGroups(0, count);
  const { groups, entries } = found;
  let { next } = found;
  while (next !== null && (next <= last || groups.length === 0)) {
    const more = await fetchGroups(next, Math.max(GROUPS_AT_ONCE, count - groups.length));
    groups.push(...more.groups);
    next = more.next;
  }
  page.groups = groups;
  page.next = next;
  // The first groups show no more than this, even if those that came after them do.
  page.entries = entries;
}

async function load(count) {
  await fetchShown(count);
  if (!selectedState()) {
    chooseNext();
  }
  drawAll();
}

// The groups before these do not show what was said since they came: that stays news.
async function loadMore() {
  const more = [];
  while (page.next !== null && more.length === 0) {
    const found = await fetchGroups(page.next, GROUPS_AT_ONCE);
    more.push(...found.groups.filter((state) => indexOf(state.group.number) < 0));
    page.next = found.next;
  }
  page.groups.push(...more);
  byId("groups").append(...more.map(card));
  drawEnd();
}

// Make a group the selected one; nothing of the one before stays open.
function choose(number) {
  page.place = number ?? page.place;
  if (number !== page.selected) {
    page.selected = number;
    page.chosen.clear();
    page.rows = null;
    page.nextRow = null;
    page.rule = null;
  }
}

// The group after the place of the selection, or else the last one.
function chooseNext() {
  const next = page.groups.find((state) => state.group.number > page.place) || page.groups.at(-1);
  choose(next ? next.group.number : null);
}

function select(number) {
  const before = page.selected;
  choose(number);
  redraw(before);
  redraw(number);
  focusSelected();
}

function focusSelected() {
  const pick = document.querySelector(".group.selected .pick");
  if (pick) {
    pick.focus({ preventScroll: true });
    pick.closest(".group").scrollIntoView({ block: "nearest" });
  }
}

// From the place of the selection, also where its group is gone.
async function moveDown() {
  const isBelow = (state) => state.group.number > page.place;
  if (!page.groups.some(isBelow)) {
    await loadMore();
  }
  const next = page.groups.find(isBelow) || page.groups.at(-1);
  if (next) {
    select(next.group.number);
  }
}

function moveUp() {
  const next = page.groups.findLast((state) => state.group.number < page.place) || page.groups[0];
  if (next) {
    select(next.group.number);
  }
}

// Take the selected group out of the list, and go on to the next one.
async function leaveSelected() {
  const at = indexOf(page.selected);
  page.groups.splice(at, 1);
  if (at >= page.groups.length) {
    await loadMore();
  }
  const next = page.groups[Math.min(at, page.groups.length - 1)];
  choose(next ? next.group.number : null);
  drawAll();
  focusSelected();
}

async function skip() {
  if (page.selected === null || page.done) {
    return;
  }
  page.skipped.add(page.selected);
  await leaveSelected();
  say(`Skipped; ${plural(page.skipped.size, "group")} will be back when the page is loaded again.`);
}

async function label(category) {
  const state = selectedState();
  if (!state) {
    return;
  }
  const rows = [...page.chosen];
  const changed = await ask("/labels", { group: page.selected, category, seen: state.seen, rows });
  const { entries } = changed.progress;
  showProgress(changed.progress);
  say(`${plural(changed.progress.last.rows, "row")} labelled ${spaced(category)}: ${state.group.text}`);
  page.chosen.clear();
  if (entries === page.entries + 1) {
    page.entries = entries;
    await showLabelled(changed.groups.find((other) => other.group.number === page.selected) || state, entries);
  } else {
    // Others said something too, of which this answer need not tell.
    await load(Math.max(GROUPS_AT_ONCE, page.groups.length));
    await redrawSelected();
  }
}

// Show what the selected group's label made of it, and leave it where nothing of it is open.
async function showLabelled(state, entries) {
  page.groups[indexOf(page.selected)] = { ...state, seen: entries };
  if (state.open === 0 && !page.done) {
    await leaveSelected();
  } else {
    await redrawSelected();
  }
}

async function redrawSelected() {
  if (page.rows) {
    await showRows();
  }
  redraw(page.selected);
  focusSelected();
}

async function undo() {
  if (!page.progress.last) {
    say("There is nothing to undo in this browser.");
    return;
  }
  const changed = await ask("/undo", {});
  const first = changed.groups[0];
  if (first) {
    page.skipped.delete(first.group.number);
    page.selected = null;
    choose(first.group.number);
  }
  await load(Math.max(GROUPS_AT_ONCE, page.groups.length + 1));
  focusSelected();
  say(first ? `Undone: ${first.group.text}` : "Undone.");
}

async function showRows() {
  const found = await ask(`/groups/${page.selected}/rows?start=0`);
  page.rows = found.rows;
  page.nextRow = found.next;
}

async function toggleRows() {
  if (page.selected === null) {
    return;
  }
  if (page.rows) {
    page.rows = null;
    page.chosen.clear();
  } else {
    await showRows();
  }
  redraw(page.selected);
  focusSelected();
}

async function toggleRule() {
  const state = selectedState();
  if (!state) {
    return;
  }
  if (page.rule) {
    page.rule = null;
    redraw(page.selected);
    focusSelected();
    return;
  }
  const offer = await ask(`/groups/${page.selected}/rule`);
  page.rule = ruleForm(state, offer.pattern);
  redraw(page.selected);
  page.rule.elements.pattern.focus();
}

async function makeRule() {
  const fields = Object.fromEntries(new FormData(page.rule));
  const rule = await ask("/rules", fields);
  page.rule = null;
  redraw(page.selected);
  focusSelected();
  say(`Rule made: ${rule.pattern} is ${spaced(rule.category)}. It answers once the pipeline has run; the group wants its label all the same.`);
}

async function moreRows() {
  const found = await ask(`/groups/${page.selected}/rows?start=${page.nextRow}`);
  page.rows.push(...found.rows);
  page.nextRow = found.next;
  redraw(page.selected);
}

async function show(done) {
  page.done = done;
  page.groups = [];
  page.selected = null;
  page.place = -1;
  byId("show-open").setAttribute("aria-pressed", String(!done));
  byId("show-done").setAttribute("aria-pressed", String(done));
  say("");
  await load(GROUPS_AT_ONCE);
}

// What others say of the same rows while this page is open.
async function news() {
  const progress = await ask("/progress");
  if (progress.entries === page.entries) {
    return;
  }
  const before = selectedState();
  const wasEmpty = page.groups.length === 0;
  await fetchShown(Math.max(GROUPS_AT_ONCE, page.groups.length));
  if (wasEmpty) {
    chooseNext();
  } else if (before && !selectedState()) {
    // No other group is selected in its place: the next key may still be meant for it.
    choose(null);
    say(`Labelled elsewhere: ${before.group.text}`);
  } else if (page.rows) {
    await showRows();
  }
  drawAll();
}

// What the page shows.

function showProgress(progress) {
  page.progress = progress;
  byId("progress").max = Math.max(1, progress.rows);
  byId("progress").value = progress.rows_done;
  const rows = `${progress.rows_done.toLocaleString("en")} of ${plural(progress.rows, "row")} labelled`;
  const groups = `${progress.groups_done.toLocaleString("en")} of ${plural(progress.groups, "group")}`;
  byId("progress-said").textContent = `${rows}, ${groups}`;
  const last = progress.last;
  byId("undo").disabled = !last;
  byId("undo").textContent = last ? `Undo ${plural(last.rows, "row")}: ${spaced(last.category)}` : "Undo";
}

function drawAll() {
  const focused = document.activeElement;
  const hadFocus = byId("groups").contains(focused);
  byId("groups").replaceChildren(...page.groups.map(card));
  drawEnd();
  if (page.rule && page.rule.contains(focused)) {
    focused.focus({ preventScroll: true });
  } else if (hadFocus) {
    focusSelected();
  }
}

function drawEnd() {
  const isEmpty = page.groups.length === 0;
  byId("more").hidden = page.next === null;
  byId("empty").hidden = !isEmpty || page.next !== null;
  if (page.done) {
    byId("empty").textContent = "No row is labelled yet.";
  } else if (page.skipped.size > 0) {
    byId("empty").textContent = "Only skipped groups are left. Load the page again to see them.";
  } else {
    byId("empty").textContent = "Every row that asked for a review is labelled.";
  }
}

function redraw(number) {
  const at = indexOf(number);
  const old = byId("groups").querySelector(`[data-number="${number}"]`);
  if (at >= 0 && old) {
    old.replaceWith(card(page.groups[at]));
  }
}

function card(state) {
  const { group } = state;
  const isSelected = group.number === page.selected;
  const pick = make("button", { type: "button", className: "pick" },
    make("span", { className: "text", textContent: group.text }),
    make("span", { className: "count", textContent: countOf(state) }),
    facts(state),
  );
  pick.setAttribute("aria-expanded", String(isSelected));
  pick.addEventListener("click", () => inTurn(() => select(group.number)));
  const item = make("li", { className: isSelected ? "group selected" : "group" }, pick);
  item.dataset.number = group.number;
  if (isSelected) {
    item.append(work(state));
  }
  return item;
}

function countOf(state) {
  const { rows } = state.group;
  return state.open === rows || state.open === 0 ? plural(rows, "row") : `${state.open} of ${plural(rows, "row")} to label`;
}

function facts(state) {
  const { group } = state;
  const others = group.answers - 1;
  const answers = `model: ${spaced(group.answer)} ${percent(group.probability)}${others ? ` and ${plural(others, "other answer")}` : ""}`;
  const parts = [priceRange(group), answers];
  if (group.texts > 1) {
    parts.push(`${plural(group.texts, "different text")}`);
  }
  const labels = Object.entries(state.labels).map(([name, count]) => `${spaced(name)} ${count}`);
  if (labels.length > 0) {
    parts.push(`labelled: ${labels.join(", ")}`);
  }
  const line = make("span", { className: "facts" }, parts.join(" · "));
  if (group.is_new) {
    line.append(" ", make("span", { className: "new", textContent: "new words" }));
  }
  return line;
}

// The selected group's choices, its actions and its rows.
function work(state) {
  const legend = make("legend", {});
  const choices = make("div", { className: "choices" }, byId("choices").content.cloneNode(true));
  for (const button of choices.querySelectorAll("button")) {
    const { category } = button.dataset;
    if (category === state.group.answer) {
      button.classList.add("answer");
      button.title = "The model's answer";
    }
    button.addEventListener("click", () => inTurn(() => label(category)));
  }
  const toggle = make("button", { type: "button", textContent: page.rows ? "Hide the rows" : "Show the rows" });
  toggle.setAttribute("aria-expanded", String(page.rows !== null));
  toggle.addEventListener("click", () => inTurn(toggleRows));
  const ruling = make("button", { type: "button", className: "ruling", textContent: "Make it a rule" });
  ruling.setAttribute("aria-expanded", String(page.rule !== null));
  ruling.addEventListener("click", () => inTurn(toggleRule));
  const actions = make("div", { className: "actions" }, toggle, ruling);
  if (!page.done) {
    const skipping = make("button", { type: "button", textContent: "Skip" });
    skipping.addEventListener("click", () => inTurn(skip));
    actions.append(skipping);
  }
  const box = make("div", { className: "work" }, make("fieldset", {}, legend, choices), actions);
  if (page.rule) {
    box.append(page.rule);
  }
  if (page.rows) {
    box.append(rowsTable(legend, state));
  }
  legend.textContent = question(state);
  return box;
}

function question(state) {
  if (page.chosen.size > 0) {
    return `Label the chosen ${plural(page.chosen.size, "row")}:`;
  }
  const rows = state.open === 1 || state.group.rows === 1 ? "this row" : `all ${plural(state.open || state.group.rows, "row")}`;
  return state.open > 0 ? `Label ${rows}:` : `Change the label of ${rows}:`;
}

// The form is kept as it is while the group is drawn anew, so that nothing written is lost.
function ruleForm(state, pattern) {
  const [labelled] = Object.keys(state.labels);
  const chosen = labelled || state.group.answer;
  const categories = [...byId("choices").content.querySelectorAll("button")].map(({ dataset }) => {
    const isChosen = dataset.category === chosen;
    return make("option", { value: dataset.category, textContent: spaced(dataset.category), selected: isChosen });
  });
  const field = (name, words, element) => make("label", { className: name }, words, Object.assign(element, { name }));
  const text = (properties) => make("input", { type: "text", autocomplete: "off", ...properties });
  const cancel = make("button", { type: "button", textContent: "Cancel" });
  cancel.addEventListener("click", () => inTurn(toggleRule));
  const form = make("form", { className: "rule", autocomplete: "off" },
    make("p", { textContent: "A line of rules/merchants.csv: once the pipeline has run, all texts with these words, in a row, get the category without the model." }),
    field("pattern", "Words, as normalised", text({ value: pattern, spellcheck: false })),
    field("category", "Category", make("select", {}, ...categories)),
    field("price_from", "Price from (optional)", text({ inputMode: "decimal" })),
    field("price_below", "Price below (optional)", text({ inputMode: "decimal" })),
    field("why", "Why", text({})),
    make("div", { className: "actions" }, make("button", { type: "submit", textContent: "Make the rule" }), cancel),
  );
  form.setAttribute("aria-label", "A rule");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    inTurn(makeRule);
  });
  return form;
}

function rowsTable(legend, state) {
  const caption = make("caption", { textContent: "Choose rows to label them alone." });
  const names = ["Text", "Price", "Time (UTC)", "Model", "Label"];
  const heads = names.map((name) => make("th", { scope: "col", textContent: name, className: name === "Price" ? "number" : "" }));
  const body = make("tbody", {}, ...page.rows.map((row) => rowLine(row, () => { legend.textContent = question(state); })));
  const table = make("table", {}, caption, make("thead", {}, make("tr", {}, ...heads)), body);
  const box = make("div", { className: "rows" }, table);
  if (page.nextRow !== null) {
    const more = make("button", { type: "button", textContent: "Show more rows" });
    more.addEventListener("click", () => inTurn(moreRows));
    box.append(more);
  }
  return box;
}

function rowLine(row, changed) {
  const box = make("input", { type: "checkbox", checked: page.chosen.has(row.row) });
  box.addEventListener("change", () => {
    if (box.checked) {
      page.chosen.add(row.row);
    } else {
      page.chosen.delete(row.row);
    }
    changed();
  });
  return make("tr", {},
    make("td", { className: "text" }, make("label", {}, box, make("span", { textContent: row.text }))),
    make("td", { className: "number", textContent: row.price === null ? "–" : money(row.price) }),
    make("td", { className: "time", textContent: row.time }),
    make("td", { textContent: `${spaced(row.answer)} ${percent(row.probability)}` }),
    make("td", { textContent: row.label === null ? "–" : spaced(row.label) }),
  );
}

// Keys.

const NAMED_KEYS = {
  ArrowDown: moveDown,
  ArrowUp: moveUp,
  d: toggleRule,
  m: () => selectedState() && label(selectedState().group.answer),
  s: skip,
  u: undo,
  r: toggleRows,
};

function actionOf(key) {
  if (Object.hasOwn(NAMED_KEYS, key)) {
    return NAMED_KEYS[key];
  }
  const chosen = [...document.querySelectorAll(".group.selected .choice")].find((button) => button.dataset.key === key);
  return chosen && (() => label(chosen.dataset.category));
}

document.addEventListener("keydown", (event) => {
  const isHeld = event.ctrlKey || event.metaKey || event.altKey || event.isComposing;
  if (event.target.closest("form")) {
    if (event.key === "Escape" && !isHeld) {
      inTurn(toggleRule);
    }
    return;
  }
  if (!byId("keys-on").checked || isHeld) {
    return;
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const action = actionOf(key);
  if (action) {
    event.preventDefault();
    // A key that is held down moves on, and labels nothing more.
    if (!event.repeat || key.startsWith("Arrow")) {
      inTurn(action);
    }
  }
});

byId("keys-on").checked = localStorage.getItem(KEYS_SETTING) !== "off";
byId("keys-on").addEventListener("change", () => localStorage.setItem(KEYS_SETTING, byId("keys-on").checked ? "on" : "off"));
byId("show-open").addEventListener("click", () => inTurn(() => show(false)));
byId("show-done").addEventListener("click", () => inTurn(() => show(true)));
byId("undo").addEventListener("click", () => inTurn(undo));
byId("more").addEventListener("click", () => inTurn(loadMore));
setInterval(() => {
  if (!document.hidden) {
    queue(news);
  }
}, ASK_FOR_NEWS_EVERY_MS);
inTurn(() => load(GROUPS_AT_ONCE));

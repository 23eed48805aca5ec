// The upload page: files that are chosen, dropped or pasted, and addresses, become rows, and are sent with the form.

import { KINDS, code } from "./codes.js";
import { copyButton } from "./copy.js";
import { filesOf } from "./drop.js";
import { Popup } from "./popup.js";
import { Queue, Task } from "./queue.js";
import { Row, spellBytes } from "./row.js";

const form = document.getElementById("upload");
const [source, url, key] = ["source", "url", "key"].map((id) => document.getElementById(id));
const remember = document.getElementById("remember");
const drop = form.querySelector(".drop");
const dropProblem = drop.querySelector(".problem");
const urlWithKey = document.getElementById("url-with-key");
const submit = form.querySelector("button[type=submit]");
const section = document.getElementById("queue");
const list = section.querySelector(".uploads");
const all = document.getElementById("all");
const allKind = document.getElementById("all-kind");
const maxBytes = Number(form.dataset.maxBytes);
const queue = new Queue(form.action);
const popup = new Popup(form.dataset.origins.split(" ").filter(Boolean));
const told = new Set();
let rows = [];

const inState = (...states) => rows.map((row) => row.task).filter((task) => states.includes(task.state));

function add(sources) {
  for (const one of sources) {
    const task = new Task(one);
    const row = new Row(task, list, (action) => act(row, action));
    rows.push(row);
    task.addEventListener("change", () => review(task));
    if (task.size === 0) refuse(task, "This file is empty.");
    limit(task);
  }
  source.setCustomValidity("");
  review();
}

function refuse(task, problem) {
  task.isHopeless = true;
  task.become("failed", { problem });
}

/** Refuse what is too large for who sends no key; how much a key's user may send, the server knows. */
function limit(task) {
  const isTooLarge = task.size > maxBytes && !key?.value;
  if (isTooLarge && task.state === "waiting") {
    task.isTooLarge = true;
    refuse(task, `This file is larger than ${spellBytes(maxBytes)}.`);
  } else if (task.isTooLarge && !isTooLarge) {
    task.isTooLarge = task.isHopeless = false;
    task.become("waiting", { problem: "" });
  }
}

/** Offer what the key that is there, or is not, makes possible. */
function followKey() {
  if (urlWithKey) {
    urlWithKey.hidden = !key.value;
    url.disabled = urlWithKey.hidden;
  }
  for (const row of rows) limit(row.task);
}

function act(row, action) {
  if (action === "Cancel") queue.cancel(row.task);
  if (action === "Retry" && form.reportValidity()) queue.start(row.task, new FormData(form));
  if (action === "Remove") remove(row);
}

function remove(row) {
  const next = rows[rows.indexOf(row) + 1] || rows[rows.indexOf(row) - 1];
  rows = rows.filter((one) => one !== row);
  row.element.remove();
  (next && !next.button.hidden ? next.button : source).focus();
  review();
}

/** Show what all tasks together have come to; `task` is the one that has changed. */
function review(task) {
  if (task?.state === "sending" && task.share) return;
  const [ready, done, failed] = [inState("waiting"), inState("done"), inState("failed", "cancelled")];
  const isUnderWay = rows.some((row) => row.task.isUnderWay);
  section.hidden = !rows.length;
  submit.textContent = ready.length ? `Upload ${ready.length === 1 ? "one file" : `${ready.length} files`}` : "Upload";
  const words = [`${done.length} of ${rows.length} uploaded`];
  if (failed.length) words.push(`${failed.length} not`);
  if (ready.length) words.push(`${ready.length} ready`);
  document.getElementById("progress").textContent = `${words.join(", ")}.`;
  section.querySelector(".all").hidden = done.length < 2;
  if (task?.state === "done" && rows.length === 1) rows[0].links.open = true;
  showAll();
  if (isUnderWay) return;
  const fresh = done.filter((one) => !told.has(one));
  fresh.forEach((one) => told.add(one));
  if (fresh.length) popup.finish(fresh.map((one) => one.image), !ready.length && !failed.length);
}

function showAll() {
  all.value = inState("done").map((task) => code(allKind.value, task.image)).join("\n");
}

// What a browser's storage keeps, it may refuse to.
function stored(value) {
  const name = `chevupload.key ${location.pathname}`;
  try {
    if (value === undefined) return localStorage.getItem(name);
    if (value) localStorage.setItem(name, value);
    else localStorage.removeItem(name);
  } catch {
    // Then nothing is remembered.
  }
  return null;
}

/** Say what no row is there for. */
function say(problem) {
  dropProblem.textContent = problem;
  dropProblem.hidden = !problem;
}

function rememberKey() {
  if (key) stored(remember.checked ? key.value : "");
}

function isText(element) {
  return element instanceof HTMLElement && element.matches("input:not([type=file],[type=checkbox]), textarea, select");
}

function takeChosen() {
  const files = [...source.files];
  source.value = "";
  add(files);
}

async function take(transfer) {
  // What is dropped is there for as long as this function has not waited for anything.
  const text = (transfer.getData("text/uri-list") || transfer.getData("text/plain")).trim();
  if (transfer.files.length) {
    const { files, problem } = await filesOf(transfer, source.accept.split(","));
    say(problem);
    return add(files);
  }
  return url && !url.disabled && /^https?:\/\/\S+$/i.test(text) ? add([text]) : undefined;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (url?.value && !url.disabled) {
    add([url.value]);
    url.value = "";
  }
  const ready = inState("waiting");
  if (!ready.length) {
    source.setCustomValidity("Choose a file, drop one here, or paste one.");
    source.reportValidity();
    return;
  }
  rememberKey();
  for (const task of ready) queue.start(task, new FormData(form));
});
source.addEventListener("change", takeChosen);
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    if (isText(event.target)) return;
    event.preventDefault();
    drop.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  drop.classList.remove("over");
  if (isText(event.target)) return;
  event.preventDefault();
  take(event.dataTransfer);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length || !isText(event.target)) take(event.clipboardData);
});
window.addEventListener("beforeunload", (event) => {
  if (rows.some((row) => row.task.isUnderWay)) event.preventDefault();
});
remember?.addEventListener("change", rememberKey);
key?.addEventListener("input", followKey);
allKind.addEventListener("change", showAll);

for (const element of document.querySelectorAll(".only-script")) element.hidden = false;
for (const [kind, label] of Object.entries(KINDS)) allKind.add(new Option(label, kind));
source.multiple = true;
all.after(copyButton(all));
// A telephone that is not asked for HEIC sends its photos as JPEG, which every browser shows.
if (matchMedia("(pointer: coarse)").matches) {
  source.accept = source.accept.split(",").filter((type) => !/hei[cf]$/.test(type)).join(",");
}
if (key && stored()) {
  key.value = stored();
  remember.checked = true;
}
followKey();
// What was chosen before this script ran.
if (source.files.length) takeChosen();

// The upload page: files that are chosen, dropped or pasted, and addresses, become rows, and are sent with the form.

import { Task, all, files, inState, isUnderWay, rows, showAll } from "./list.js";
import { Row } from "./row.js";

const CHUNK = 10; // rows that are made before the browser may draw

const find = (id) => document.getElementById(id);
const form = find("upload");
const [drop, source, url, uploaded] = ["drop", "source", "url", "uploaded"].map(find);
const { maxBytes, tooLarge, history, user, origins } = form.dataset;
const accepted = source.accept.split(",");
let sending = null; // the promise of the queue and the words for refusals, which are loaded with the first upload
let queue = null;
let words = null;
let key = null; // where nobody is signed in
let results = null;
let popup = null;
let renewal = null; // of the form's token
let isStarted = false; // whether anything in the list was sent
let isOver = false; // whether what was uploaded is shown instead of the form

// What is chosen

/** Make rows of files and addresses, a few at a time. */
async function add(sources) {
  if (!sources.length) return;
  if (isOver) startAgain();
  notice("");
  const tasks = sources.map((one) => new Task(one));
  for (let at = 0; at < tasks.length; at += CHUNK) {
    const elements = tasks.slice(at, at + CHUNK).map((task) => {
      const row = new Row(task, (name, button) => act(task, name, button));
      rows.set(task, row);
      check(task);
      return row.element;
    });
    find("rows").append(...elements);
    review();
    await new Promise((done) => { setTimeout(done); });
  }
}

/** Refuse what is empty, or too large for who sends no key; how much a key's user may send, the server knows. */
function check(task) {
  if (typeof task.source === "string") return;
  const limit = task.size > maxBytes && !key?.value ? tooLarge : "";
  const problem = task.size ? limit : "This file is empty.";
  if (problem && task.state === "ready") {
    Object.assign(task, { isHopeless: true, isRefusedHere: true });
    fail(task, problem);
  } else if (!problem && task.isRefusedHere) {
    Object.assign(task, { isHopeless: false, isRefusedHere: false });
    task.state = "ready";
    rows.get(task).show();
  }
}

function isAccepted(file) {
  const name = file.name.toLowerCase();
  return accepted.some((type) => (type.startsWith(".") ? name.endsWith(type) : file.type === type));
}

async function take(transfer) {
  // What is dropped is there for as long as this function has not waited for anything.
  const text = (transfer.getData("text/uri-list") || transfer.getData("text/plain")).trim();
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  const folders = entries.filter((entry) => entry?.isDirectory);
  const alone = [...transfer.files].filter((_, index) => !entries[index]?.isDirectory);
  if (folders.length) {
    const { filesBelow } = await import("./files.js");
    const found = await filesBelow(folders, isAccepted);
    await addFolder([...alone, ...found.files]);
    if (found.problem) notice(found.problem);
  } else if (alone.length) {
    add(alone);
  } else if (takesUrls() && /^https?:\/\/\S+$/i.test(text)) {
    add([text]);
  }
}

async function addFolder(found) {
  if (!found.length) notice("There is nothing in it that can be uploaded.");
  await add(found);
}

function takesUrls() {
  return Boolean(url && !find("from-web").hidden);
}

function addUrl() {
  if (!url.value || !url.reportValidity()) return;
  add([url.value]);
  url.value = "";
}

// What is done about it

async function act(task, name, button) {
  if (name === "cancel") queue.cancel(task);
  if (name === "retry") start([task]);
  if (name === "remove") remove(task);
  if (name === "copy") {
    const { copyText, flash } = await import("./clipboard.js");
    flash(button, (await copyText(task.image.url_viewer)) ? "Copied" : "Not copied");
  }
}

function remove(task) {
  const tasks = all();
  const next = tasks[tasks.indexOf(task) + 1] || tasks[tasks.indexOf(task) - 1];
  forget([task]);
  (next ? rows.get(next) : find("choose")).focus();
}

function forget(tasks) {
  for (const task of tasks) {
    rows.get(task).element.remove();
    rows.delete(task);
  }
  isStarted &&= rows.size > 0;
  review();
}

/** Send tasks, with the key if one is needed. */
async function start(tasks) {
  if (key && !(await key.tried())) return;
  try {
    await (sending ??= loadSending());
    await loadResults();
  } catch {
    if (!queue) sending = null;
    notice("The connection was lost. Check it, then press Upload again.");
    return;
  }
  notice("");
  isStarted = true;
  queue.start(tasks.filter((task) => rows.has(task) && !task.isUnderWay));
  if (!document.activeElement.checkVisibility() || document.activeElement === document.body) showTop(find("counted").parentElement);
}

async function loadSending() {
  const [{ Queue }, { Progress }, loaded] = await Promise.all(
    [import("./queue.js"), import("./progress.js"), import("./words.js")],
  );
  words = loaded;
  queue = new Queue(form.action, Number(form.dataset.atATime), formOf);
  const progress = new Progress();
  queue.addEventListener("change", (event) => show(event.detail));
  queue.addEventListener("pause", (event) => {
    progress.pause = event.detail;
    tell(event.detail);
  });
}

/** Say once, to who does not see it, why nothing is sent and when that goes on; the time that is shown counts down. */
function tell(pause) {
  const { reason = "" } = pause || {};
  if (find("said").dataset.reason === reason) return;
  find("said").dataset.reason = reason;
  find("said").textContent = pause ? words.pauseWords(pause) : "The upload goes on.";
}

/** Give a heading the focus, with the page's beginning in the window. */
function showTop(heading) {
  heading.focus({ preventScroll: true });
  scrollTo(0, 0);
}

/** Return what is sent of a task. */
function formOf(task) {
  const data = new FormData(form);
  data.delete("source");
  for (const [name, value] of Object.entries(rows.get(task).own)) data.set(name, value);
  data.append("source", task.source);
  return data;
}

function fail(task, problem) {
  Object.assign(task, { state: "failed", problem });
  rows.get(task).show();
  find("refused").append(Object.assign(document.createElement("span"), { textContent: `${task.name}: ${problem} ` }));
}

/** Act on a refusal: get a new token for an old form, ask who it is, or say what is wrong. */
async function refuse(task) {
  const { status, code } = task.refusal;
  const isOfForm = status === 403 && code === 401 && !form.elements.key?.value;
  if (isOfForm && !task.isRenewed) {
    Object.assign(task, { isRenewed: true, state: "waiting" });
    renewal ??= renew().finally(() => { renewal = null; });
    await renewal;
    queue.start([task]);
    return;
  }
  const text = words.wordsFor(task.refusal, drop.querySelector("small").textContent.split(" · ")[0]);
  if (status === 401) {
    task.state = "waiting";
    queue.stop(all());
    isStarted = inState("done").length > 0;
    review();
    if (key) key.refuse(text);
    else notice(form.elements.key ? text : "You are not signed in any more. Sign in again in another tab, then press Upload here.");
    return;
  }
  task.isHopeless = words.isHopeless(task.refusal);
  fail(task, text);
  review();
}

/** Get a new token: the page was open for longer than its own is valid. */
async function renew() {
  try {
    const page = new DOMParser().parseFromString(await (await fetch(form.action)).text(), "text/html");
    form.elements.token.value = page.querySelector("[name=token]").value;
  } catch {
    // The server is away, or has no form any more: the next answer says so.
  }
}

// What is shown

/** Show a task that has changed. */
function show(task) {
  if (!rows.has(task)) return;
  if (task.state === "failed" && task.refusal) {
    refuse(task);
    return;
  }
  rows.get(task).show();
  if (task.state === "done") results.add(task.image);
  if (task.state !== "sending" || !task.share) review();
}

/** Show what all tasks together have come to. */
function review() {
  const { done, failed, isEnded } = showAll(isStarted);
  if (rows.size) uploaded.hidden = !isEnded;
  if (isStarted && !isUnderWay()) end(done, failed, isEnded);
}

/** Nothing is under way any more: tell the page that has opened this window, and show what was uploaded. */
function end(done, failed, isEnded) {
  const fresh = done.filter((task) => !task.isTold);
  for (const task of fresh) task.isTold = true;
  if (fresh.length && popup) popup.finish(fresh.map((task) => task.image), isEnded && !failed.length);
  if (!isEnded) return;
  const [number, why] = find("failed").querySelectorAll("p > *");
  number.textContent = `${files(failed.length)} ${failed.length === 1 ? "was" : "were"} not uploaded.`;
  why.textContent = failed.map((task) => `“${task.name}”: ${task.problem || "Cancelled."}`).join(" ");
  find("failed").hidden = !failed.length;
  find("retry-failed").hidden = failed.every((task) => task.isHopeless);
  if (isOver) return;
  isOver = true;
  form.after(uploaded);
  results.showBatch(done.map((task) => task.image));
  showTop(find("uploaded-title"));
}

function startAgain() {
  isOver = isStarted = false;
  forget(all());
  showEarlier();
}

/** Show below the form what this browser keeps. */
function showEarlier() {
  if (rows.size) return;
  find("others")?.after(uploaded); // nothing on the start page moves for it
  uploaded.hidden = !results?.showEarlier();
}

/** Load what shows results: this browser keeps a list of its own for each user. */
async function loadResults() {
  const { Results } = await import("./results.js");
  if (results?.name === listName()) return;
  results = new Results(listName(), history);
}

function listName() {
  const sent = form.elements.key?.value.trim() || "";
  const sender = sent.startsWith("chvt_") ? sent.slice(-12) : user || sent.slice(0, 8) || "guest";
  return `chevupload.uploads ${new URL(form.action).pathname} ${sender}`;
}

function notice(text) {
  find("problem").querySelector("div").textContent = text;
  find("problem").hidden = !text;
}

/** Say beside "Options" what is chosen there. */
function showOptions() {
  const { selectedIndex, options } = form.elements.expiration;
  const { album_id: chosen, album: named } = form.elements;
  const album = chosen ? chosen.value && chosen.selectedOptions[0].text : named?.value.trim();
  const facts = find("options-facts");
  facts.dataset.usual ??= facts.textContent;
  const kept = selectedIndex ? `Deleted after ${options[selectedIndex].text}` : facts.dataset.usual;
  facts.textContent = [kept, album && `in ${album}`, form.elements.nsfw.checked && "sensitive"].filter(Boolean).join(", ");
}

/** Upload with the ticket that the address has behind its #, and take it out of there: no server and no list sees it. */
function useTicket() {
  const [, ticket] = /^#ticket=(chvt_[\w.-]+)$/.exec(location.hash) || [];
  if (!ticket) return;
  window.history.replaceState(null, "", location.pathname + location.search);
  if (key) {
    key.use(ticket);
    return;
  }
  if (!form.elements.key) form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "key" }));
  form.elements.key.value = ticket;
  find("who-user")?.remove(); // it is not theirs
}

/** Offer what the key that is there, or is not, makes possible. */
function followKey() {
  for (const element of document.querySelectorAll("[data-with-key]")) element.hidden = !key.value;
  for (const task of all()) check(task);
  review();
}

// What happens on the page

const isText = (element) => element instanceof HTMLElement && element.matches("input:not([type=file],[type=checkbox]), textarea, select");

function takeChosen(input, isWanted = () => true) {
  const chosen = [...input.files].filter(isWanted);
  input.value = "";
  return chosen;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (takesUrls()) addUrl();
  const ready = inState("ready");
  if (ready.length) start(ready);
  else notice("Choose a file first.");
});
form.addEventListener("keydown", (event) => {
  // Enter in a field is not yet the wish to upload.
  if (event.key !== "Enter" || !event.target.matches("input:not([type=checkbox])")) return;
  event.preventDefault();
  if (event.target === url) addUrl();
});
const clicks = {
  choose: () => source.click(),
  "choose-folder": () => find("folder").click(),
  "take-photo": () => find("photo").click(),
  "add-url": addUrl,
  "remove-all": () => { forget(all()); find("choose").focus(); },
  "cancel-all": () => { for (const task of all()) if (task.isUnderWay) queue.cancel(task); },
  "retry-all": () => start(inState("failed", "cancelled").filter((task) => !task.isHopeless)),
  "retry-failed": () => { isOver = false; start(inState("failed", "cancelled").filter((task) => !task.isHopeless)); },
  dismiss: () => { forget(inState("failed", "cancelled")); find("uploaded-title").focus(); },
  more: () => { startAgain(); find("choose").focus(); },
};
for (const [id, act] of Object.entries(clicks)) find(id)?.addEventListener("click", act);
for (const id of ["source", "photo"]) find(id).addEventListener("change", () => add(takeChosen(find(id))));
find("folder").addEventListener("change", () => addFolder(takeChosen(find("folder"), isAccepted)));
find("options").addEventListener("change", showOptions);
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
addEventListener("beforeunload", (event) => {
  if (isUnderWay()) event.preventDefault();
});

form.noValidate = true; // this script says what is missing
// A telephone that is not asked for HEIC sends its photos as JPEG, which every browser shows.
if (matchMedia("(pointer: coarse)").matches) source.accept = accepted.filter((type) => !/hei[cf]$/.test(type)).join(",");
if (find("with-key")) {
  const { Key } = await import("./key.js");
  key = new Key(form.action);
  key.addEventListener("change", followKey);
  followKey();
}
useTicket();
addEventListener("hashchange", useTicket);
if (opener && origins) {
  const { Popup } = await import("./popup.js");
  popup = new Popup(origins.split(" "));
}
try {
  if (history !== "nothing" && localStorage.getItem(listName())) {
    await loadResults();
    showEarlier();
  }
} catch {
  // A browser that keeps nothing has no list.
}
// What was chosen before this script ran.
add(takeChosen(source));

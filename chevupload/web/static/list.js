// The list of what is chosen and sent: its tasks, and what the page shows of all of them together.

import { spellBytes } from "./row.js";

const QUIET = 2000; // milliseconds between two counts that are said

const find = (id) => document.getElementById(id);
const [form, drop] = [find("upload"), find("drop")];
const title = document.title;
const place = title.includes(" – ") ? title.replace(/^.*? – /, "") : title;
let saidAt = 0;
let saying = null;

/** One upload: a file, or an address on the web. */
export class Task {
  state = "ready"; // waiting, sending, storing, and in the end done, failed or cancelled
  share = 0; // of the bytes, sent
  image = null; // the API's document of what is uploaded
  refusal = null; // {status, code, message} of what the server said
  losses = 0;

  constructor(source) {
    // A retry is the same request, so what was stored after all is not stored twice.
    this.id = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    this.source = source;
    this.name = typeof source === "string" ? source : source.name || "picture";
    this.size = typeof source === "string" ? 0 : source.size;
  }

  get isUnderWay() {
    return ["waiting", "sending", "storing"].includes(this.state);
  }
}

export const rows = new Map(); // of tasks, in their order

export const all = () => [...rows.keys()];
export const inState = (...states) => all().filter((task) => states.includes(task.state));
export const isUnderWay = () => all().some((task) => task.isUnderWay);
export const files = (count) => `${count} file${count === 1 ? "" : "s"}`;

/** Show what all tasks together have come to; return those that are done, those that failed, and whether all are through. */
export function showAll(isStarted) {
  const [ready, done, failed] = [inState("ready"), inState("done"), inState("failed", "cancelled")];
  const isEnded = done.length > 0 && !ready.length && !isUnderWay();
  form.hidden = isEnded;
  drop.classList.toggle("slim", rows.size > 0);
  find("choose").classList.toggle("primary", !rows.size);
  find("choose").classList.toggle("big", !rows.size);
  find("guest-fact")?.toggleAttribute("hidden", rows.size > 0);
  find("options").hidden = isStarted && !ready.length;
  find("options-title").textContent = ["Options for all files", "Options"][ready.length] || `Options for all ${ready.length} files`;
  find("list").hidden = !rows.size;
  find("list-head").hidden = isStarted;
  find("list-title").textContent = ready.length ? `${files(ready.length)}, ready` : "No file is ready";
  find("send").hidden = !ready.length;
  find("ready").textContent = files(ready.length);
  find("ready-size").textContent = spellBytes(ready.reduce((sum, task) => sum + task.size, 0));
  find("start").querySelector("span").textContent = `Upload ${files(ready.length)}`;
  find("all").hidden = !isStarted;
  find("retry-all").hidden = !failed.some((task) => !task.isHopeless);
  find("cancel-all").hidden = !isUnderWay();
  // While files are sent, the place for more of them stands below the list.
  if (isStarted && find("list").nextElementSibling !== drop) find("list").after(drop, find("options"));
  if (!isStarted && find("list").previousElementSibling !== find("options")) find("list").before(drop, find("options"));
  count(done.length, failed.length, isStarted);
  return { done, failed, isEnded };
}

/** Say how many are uploaded, no more often than every two seconds while they are. */
function count(done, failed, isStarted) {
  clearTimeout(saying);
  const wait = isUnderWay() ? saidAt + QUIET - Date.now() : 0;
  if (wait > 0) {
    saying = setTimeout(() => { showAll(isStarted); }, wait);
    return;
  }
  saidAt = Date.now();
  const text = `${done} of ${rows.size} uploaded`;
  find("counted").textContent = text;
  find("counted-failed").textContent = failed ? `, ${failed} failed` : "";
  document.title = isStarted ? `${text} – ${place}` : title;
}

// One upload as a row of the list: its picture, its progress, what can be done about it, and in the end its links.

import { KINDS, code } from "./codes.js";
import { addButtons } from "./copy.js";

const ACTIONS = { waiting: "Remove", queued: "Cancel", sending: "Cancel", storing: "Cancel", failed: "Retry", cancelled: "Retry" };
let count = 0;

/** Spell a number of bytes. */
export function spellBytes(size) {
  const units = ["B", "KB", "MB", "GB"];
  let power = 0;
  while (size >= 1000 && power < 3) { size /= 1000; power += 1; }
  return `${power ? Math.round(size * 10) / 10 : size} ${units[power]}`;
}

export class Row {
  /** Show `task` in `list`; `act` is called with its action when the button is pressed. */
  constructor(task, list, act) {
    const row = document.getElementById("upload-row").content.cloneNode(true).firstElementChild;
    const find = (selector) => row.querySelector(selector);
    this.task = task;
    this.element = row;
    this.button = find(".action");
    this.state = find(".state");
    this.progress = find("progress");
    this.problem = find(".about .problem");
    this.links = find(".links");
    find(".name").textContent = task.name;
    this.progress.setAttribute("aria-label", `Progress of ${task.name}`);
    this.button.addEventListener("click", () => act(this.action));
    task.addEventListener("change", () => this.show());
    if (task.source instanceof File) preview(find(".thumb img"), task.source);
    list.append(row);
    this.show();
  }

  get action() {
    return this.task.isHopeless ? "Remove" : ACTIONS[this.task.state];
  }

  /** Show what the task has come to. */
  show() {
    const { task, action } = this;
    this.state.textContent = this.#words();
    this.state.classList.toggle("done", task.state === "done");
    this.progress.hidden = !task.isUnderWay;
    this.progress.value = task.share * 100;
    this.problem.hidden = !task.problem;
    this.problem.textContent = task.problem;
    if (task.state === "done" && this.links.hidden) this.#finish();
    if (action && this.button.textContent !== action) {
      this.button.textContent = action;
      this.button.setAttribute("aria-label", `${action}: ${task.name}`);
    }
  }

  #words() {
    const { task } = this;
    const size = task.size === null ? "" : `${spellBytes(task.size)}, `;
    if (task.state === "waiting") return `${size}ready`;
    if (task.state === "queued") return `${size}waits`;
    if (task.state === "sending") return `${size}${Math.floor(task.share * 100)} % sent`;
    return { storing: "Is being stored", done: "Uploaded", failed: "Failed", cancelled: "Cancelled" }[task.state];
  }

  /** Show the links, each in a field of its own. */
  #finish() {
    const list = this.links.querySelector("dl");
    count += 1;
    for (const [kind, text] of Object.entries(KINDS)) {
      const value = code(kind, this.task.image);
      if (!value) continue;
      const [term, label, definition, field] = ["dt", "label", "dd", "input"].map((tag) => document.createElement(tag));
      Object.assign(field, { id: `upload-${count}-${kind}`, readOnly: true, value });
      label.htmlFor = field.id;
      label.textContent = text;
      term.append(label);
      definition.append(field);
      list.append(term, definition);
    }
    addButtons(list.parentElement);
    this.links.querySelector("summary").setAttribute("aria-label", `Links of ${this.task.name}`);
    const hadFocus = document.activeElement === this.button;
    this.links.hidden = false;
    this.button.hidden = true;
    if (hadFocus) this.links.querySelector("summary").focus();
  }
}

/** Show a picture before it is sent, for as long as the browser needs to paint it. */
function preview(image, file) {
  if (!file.type.startsWith("image/")) return;
  const url = URL.createObjectURL(file);
  image.onload = () => URL.revokeObjectURL(url);
  image.onerror = () => { URL.revokeObjectURL(url); image.hidden = true; };
  image.decoding = "async";
  image.hidden = false;
  image.src = url;
}

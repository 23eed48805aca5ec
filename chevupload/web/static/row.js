// One upload as a row of the list: its picture, its progress, and what can be done about it.

const ACTIONS = { ready: "ready", waiting: "active", sending: "active", storing: "active", done: "done", cancelled: "failed" };
const OWN = { title: "title", tags: "tags", album_id: "album", album: "album", description: "description", expiration: "time", nsfw: "mark" };
const SIDE = 80; // pixels of a picture: twice what it is on the page
const seen = new IntersectionObserver(showSeen, { rootMargin: "200px" });
const pictures = new WeakMap(); // of elements that wait to be seen
let drawing = Promise.resolve();
let count = 0;

export class Row {
  #task;
  #act;
  #kind = "";
  #progress = null;
  #details = null;

  /** Make a row of `task`; `act` is called with what a button is to do. */
  constructor(task, act) {
    this.#task = task;
    this.#act = act;
    this.element = made("row").firstElementChild;
    this.element.querySelector("b").textContent = task.name;
    this.element.addEventListener("click", (event) => {
      const name = event.target.closest("[data-act]")?.dataset.act;
      if (name === "details") this.#toggleDetails();
      else if (name) this.#act(name, event.target.closest("[data-act]"));
    });
    if (task.source instanceof File && task.source.type.startsWith("image/")) {
      const place = this.element.querySelector(".pic");
      pictures.set(place, task.source);
      seen.observe(place);
    }
    this.show();
  }

  /** The details of this file alone, by the names of the form's fields. */
  get own() {
    const own = {};
    for (const field of this.#details?.querySelectorAll("[data-field]") || []) {
      const value = field.type === "checkbox" ? field.checked && "1" : field.value.trim();
      if (value) own[field.dataset.field] = value;
    }
    return own;
  }

  /** Show what the task has come to. */
  show() {
    const task = this.#task;
    this.#showActions(task.state === "failed" ? (task.isHopeless ? "hopeless" : "failed") : ACTIONS[task.state]);
    const fact = this.element.querySelector("p");
    const text = task.state === "failed" ? task.problem : this.#fact();
    if (task.state === "done") {
      fact.replaceChildren(Object.assign(document.createElement("span"), { className: "good", textContent: "Uploaded" }), text);
    } else {
      fact.textContent = text;
    }
    if (task.state === "failed") fact.className = "bad";
    else fact.removeAttribute("class");
    this.#showProgress();
  }

  #fact() {
    const { state, size, share } = this.#task;
    const bytes = size ? spellBytes(size) : "From the web";
    if (state === "waiting") return `Waiting · ${bytes}`;
    if (state === "sending") return size ? `${Math.floor(share * 100)} % of ${bytes}` : "Sending …";
    if (state === "storing") return size ? "Sent. Making the thumbnails …" : "Fetching the picture …";
    if (state === "done") return ` · ${spellBytes(this.#task.image.size)}`;
    if (state === "cancelled") return `Cancelled · ${bytes}`;
    const own = Object.keys(this.own).map((name) => OWN[name]);
    return own.length ? `${bytes} · own ${own.join(", ").replace(/, (\w+)$/, " and $1")}` : bytes;
  }

  #showProgress() {
    const { state, share, name } = this.#task;
    if (state !== "sending") {
      this.#progress?.remove();
      this.#progress = null;
      return;
    }
    if (!this.#progress) {
      this.#progress = Object.assign(document.createElement("progress"), { max: 100 });
      this.#progress.setAttribute("aria-label", `Progress: ${name}`);
      this.element.querySelector("p").after(this.#progress);
    }
    this.#progress.value = share * 100;
  }

  #showActions(kind) {
    if (kind === this.#kind) return;
    this.#kind = kind;
    const actions = this.element.querySelector(":scope > .row");
    const hadFocus = actions.contains(document.activeElement);
    actions.replaceChildren(made(`row-${kind}`));
    nameButtons(actions, this.#task.name);
    if (kind === "done") actions.querySelector("a").href = this.#task.image.url_viewer;
    if (kind !== "ready" && this.#details) this.#details.hidden = true;
    const details = actions.querySelector("[data-act=details]");
    details?.setAttribute("aria-expanded", String(Boolean(this.#details && !this.#details.hidden)));
    if (hadFocus) this.focus();
  }

  focus() {
    this.element.querySelector(":scope > .row > *").focus();
  }

  #toggleDetails() {
    if (!this.#details) this.#makeDetails();
    else this.#details.hidden = !this.#details.hidden;
    const button = this.element.querySelector("[data-act=details]");
    button.setAttribute("aria-expanded", String(!this.#details.hidden));
    button.setAttribute("aria-controls", this.#details.id);
  }

  #makeDetails() {
    count += 1;
    const [details] = made("row-details").children;
    details.id = `own-${count}`;
    for (const field of details.querySelectorAll("[data-field]")) {
      field.id = `own-${count}-${field.dataset.field}`;
      field.parentElement.querySelector("label").htmlFor = field.id;
    }
    details.querySelector("input").placeholder = this.#task.name.replace(/\.\w+$/, "");
    details.addEventListener("input", () => this.show());
    details.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.matches("input")) event.preventDefault();
    });
    this.element.append(details);
    this.#details = details;
  }
}

function showSeen(entries) {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    // One after the other: each takes the memory of the whole picture for a moment.
    drawing = drawing.then(() => draw(target)).catch(() => {});
  }
}

/** Draw a picture before it is sent, small; what the browser cannot read keeps its icon. */
async function draw(place) {
  if (!place.isConnected) return;
  const picture = await createImageBitmap(pictures.get(place), { resizeHeight: SIDE, resizeQuality: "medium" });
  const canvas = Object.assign(document.createElement("canvas"), { width: picture.width, height: picture.height });
  canvas.getContext("bitmaprenderer").transferFromImageBitmap(picture);
  place.replaceChildren(canvas);
}

// What rows and cards have in common

/** Return what is in a template of the page. */
export function made(id) {
  return document.getElementById(id).content.cloneNode(true);
}

/** Name the buttons below `root`, each after what it does and `name`. */
export function nameButtons(root, name) {
  for (const button of root.querySelectorAll("[data-act]")) {
    const words = button.querySelector(".unseen");
    if (words) words.textContent = `: ${name}`;
    else if (button.title) button.setAttribute("aria-label", `${button.title}: ${name}`);
  }
}

/** Spell a number of bytes. */
export function spellBytes(size) {
  const units = ["B", "KB", "MB", "GB"];
  let power = 0;
  while (size >= 1000 && power < 3) { size /= 1000; power += 1; }
  return `${power && size < 100 ? Math.round(size * 10) / 10 : Math.round(size)} ${units[power]}`;
}

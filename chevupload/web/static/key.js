// The API key of who is not signed in: asked for, tried, and remembered on this device where somebody likes.

const find = (id) => document.getElementById(id);
const section = find("with-key");
const field = find("key");
const remember = find("remember");
const problem = find("key-problem");

export class Key extends EventTarget {
  #url;
  #name;
  #isTried = false;

  /** Ask the server at `url` whether a key works. Event: `change`. */
  constructor(url) {
    super();
    this.#url = url;
    this.#name = `chevupload.key ${new URL(url).pathname}`; // the same on every page that has the form
    const stored = this.#stored();
    if (stored) {
      field.value = stored;
      remember.checked = this.#isTried = true;
    }
    field.addEventListener("input", () => {
      this.#isTried = false;
      this.refuse("");
      this.#change();
    });
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.tried();
    });
    find("use-key").addEventListener("click", () => this.tried());
    remember.addEventListener("change", () => this.#remember());
    addEventListener("hashchange", () => { if (location.hash === "#with-key") this.ask(); });
    this.#show();
  }

  get value() {
    return field.value.trim();
  }

  /** Take a ticket, which is a key for this visit alone. */
  use(ticket) {
    field.value = ticket;
    this.#isTried = true;
    this.refuse("");
    this.#change();
  }

  /** Ask for a key. */
  ask() {
    section.hidden = false;
    section.classList.remove("asked");
    field.focus();
  }

  /** Say what is wrong with it. */
  refuse(words) {
    if (words) {
      this.#isTried = false;
      this.ask();
      field.setAttribute("aria-invalid", "true");
    } else {
      field.removeAttribute("aria-invalid");
    }
    problem.textContent = words;
    this.#show();
  }

  /** Whether the key works, or none is needed: the server is asked once for each. */
  async tried() {
    if (!this.value && !field.required) return true;
    if (!this.value) {
      this.refuse("Please sign in, or paste an API key.");
      return false;
    }
    const value = this.value;
    const wrong = this.#isTried ? "" : await problemOf(this.#url, value);
    if (this.value !== value) return this.tried(); // a ticket came, or typing went on, while the server was asked
    if (wrong) {
      this.refuse(wrong);
      return false;
    }
    this.#isTried = true;
    this.#remember();
    this.#show();
    this.#change();
    return true;
  }

  #change() {
    this.dispatchEvent(new Event("change"));
  }

  #show() {
    const isUsed = this.#isTried && Boolean(this.value);
    find("who-key").hidden = !isUsed;
    find("who").hidden = isUsed || field.required;
    find("who-key").querySelector("code").textContent = `${this.value.slice(0, Math.min(9, this.value.length / 3))}…`;
    if (isUsed && section.contains(document.activeElement)) find("choose").focus();
    if (isUsed) {
      section.hidden = true;
      if (location.hash) history.replaceState(null, "", location.pathname + location.search);
    }
  }

  #remember() {
    if (this.value.startsWith("chvt_")) return; // what was remembered before stays
    if (!remember.checked) this.#stored("");
    else if (this.#isTried) this.#stored(this.value);
  }

  // What a browser's storage keeps, it may refuse to.
  #stored(value) {
    try {
      if (value === undefined) return localStorage.getItem(this.#name);
      if (value) localStorage.setItem(this.#name, value);
      else localStorage.removeItem(this.#name);
    } catch {
      // Then nothing is remembered.
    }
    return null;
  }
}

/** Return what is wrong with a key; of one that works, an upload without a file is refused for the file. */
async function problemOf(url, key) {
  const unusable = "This key does not work. It may be mistyped, revoked or too old.";
  if (!/^[!-~]+$/.test(key)) return unusable;
  const form = new FormData();
  form.set("source", "");
  try {
    const answer = await fetch(url, { method: "POST", body: form, headers: { Accept: "application/json", "X-API-Key": key } });
    if (answer.status === 401 || answer.status === 403) return unusable;
    const isGuessed = answer.status === 429 && (await answer.json()).error.message === "Too many wrong keys";
    const wait = answer.headers.get("Retry-After");
    return isGuessed ? `Too many wrong keys came from your network. Please try again in ${wait} seconds.` : "";
  } catch {
    return ""; // The server is away, and says so later.
  }
}

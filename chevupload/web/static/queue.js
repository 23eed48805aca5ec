// Uploads that wait, and a few that are under way at a time.

const AT_A_TIME = 2;

/** One upload: a file, or an address on the web. Tells `change` events. */
export class Task extends EventTarget {
  state = "waiting"; // then sending, storing, and done, failed or cancelled
  share = 0; // of the bytes that are sent
  image = null;
  problem = "";

  constructor(source) {
    super();
    // Tried again, it is the same request: what was stored after all is not stored twice.
    this.id = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16)).join("-");
    this.source = source;
    this.name = typeof source === "string" ? source : source.name || "picture";
    this.size = typeof source === "string" ? null : source.size;
  }

  get isUnderWay() {
    return ["queued", "sending", "storing"].includes(this.state);
  }

  become(state, more = {}) {
    Object.assign(this, more, { state });
    this.dispatchEvent(new Event("change"));
  }
}

/** Sends tasks to `url`. */
export class Queue {
  #url;
  #waiting = [];
  #requests = new Map();

  constructor(url) {
    this.#url = url;
  }

  /** Send `task` as soon as there is room, with the other fields of `form`, a FormData of its own. */
  start(task, form) {
    form.delete("source");
    form.append("source", task.source);
    this.#waiting.push({ task, form });
    task.become("queued", { share: 0, problem: "" });
    this.#next();
  }

  /** Stop `task`, whether it waits or is under way. What has reached the server whole is there all the same. */
  cancel(task) {
    const request = this.#requests.get(task);
    if (request) {
      request.abort();
    } else {
      this.#waiting = this.#waiting.filter((one) => one.task !== task);
      task.become("cancelled");
    }
  }

  #next() {
    while (this.#requests.size < AT_A_TIME && this.#waiting.length) this.#send(this.#waiting.shift());
  }

  #send({ task, form }) {
    const request = new XMLHttpRequest();
    const end = (state, more) => {
      this.#requests.delete(task);
      task.become(state, more);
      this.#next();
    };
    this.#requests.set(task, request);
    request.open("POST", this.#url);
    request.setRequestHeader("Accept", "application/json");
    // In a header it is known before the file: a user's own limit, which may be above the site's, counts from the start.
    const key = form.get("key")?.trim();
    if (key && /^[!-~]+$/.test(key)) {
      form.delete("key");
      request.setRequestHeader("X-API-Key", key);
    }
    request.setRequestHeader("Idempotency-Key", task.id);
    request.responseType = "json";
    request.upload.onprogress = (event) => task.become("sending", { share: event.loaded / event.total });
    request.upload.onload = () => task.become("storing", { share: 1 });
    request.onerror = () => end("failed", { problem: "The connection broke off. Try again." });
    request.onabort = () => end("cancelled", { share: 0 });
    request.onload = () => {
      const image = request.status === 200 && request.response?.image;
      if (image) end("done", { share: 1, image });
      else end("failed", { problem: request.response?.error?.message || `The server answered ${request.status}.` });
    };
    request.send(form);
    task.become("sending");
  }
}

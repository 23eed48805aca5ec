// Uploads: those that wait, a few that are under way at a time, and what happens when the network or the server is away.

const DELAYS = [1, 2, 4, 8, 15, 30]; // seconds before the server is asked again whether it is there
const MAX_LOSSES = 4; // connections that one upload may lose while the server is there
const PENDING_SECONDS = 5; // before asking again for an upload that the server still works on
const STALL_SECONDS = 60; // without a byte sent, after which a connection counts as lost
const FLOOD = 130; // the code of who has uploaded as much as is allowed in a time
const MAX_WAIT = 600; // seconds, whatever a server that is busy says
const DAY = 86_400; // seconds, after which a server is asked again; timers know no more than 24 days
const MONTH = 30 * DAY;
const GATEWAY = [502, 503, 504]; // statuses by which a proxy says that the server is away

/**
 * Sends tasks. Events: `change` when a task has changed, with the task as `detail`; `pause` when sending has stopped or
 * goes on, with `{reason, until}` or null: the reason is `offline`, `lost`, `busy` or `flood`, and `until` is when it goes
 * on, in milliseconds since 1970.
 */
export class Queue extends EventTarget {
  #url;
  #atATime;
  #formOf;
  #waiting = [];
  #requests = new Map();
  #pause = null;
  #failures = 0;
  #timer = null;

  /** Send to `url`; `formOf` returns the FormData of a task, when its turn comes. */
  constructor(url, atATime, formOf) {
    super();
    this.#url = url;
    this.#atATime = atATime;
    this.#formOf = formOf;
    addEventListener("offline", () => this.#goOffline());
    addEventListener("online", () => this.#tryAgain());
    setInterval(() => this.#endStalled(), 10_000);
  }

  start(tasks) {
    for (const task of tasks) {
      this.#waiting.push(task);
      this.become(task, "waiting", { share: 0, refusal: null, losses: 0 });
    }
    this.#next();
  }

  /** Stop a task. What has reached the server whole is there all the same. */
  cancel(task) {
    this.#drop(task);
    this.become(task, "cancelled", { share: 0 });
    this.#next();
  }

  /** Let everything that is under way be as it was before it was started. */
  stop(tasks) {
    for (const task of tasks.filter((one) => one.isUnderWay)) {
      this.#drop(task);
      this.become(task, "ready", { share: 0 });
    }
  }

  become(task, state, more = {}) {
    Object.assign(task, more, { state });
    this.dispatchEvent(new CustomEvent("change", { detail: task }));
  }

  #drop(task) {
    const request = this.#requests.get(task);
    this.#requests.delete(task);
    request?.abort();
    this.#waiting = this.#waiting.filter((one) => one !== task);
  }

  #next() {
    while (!this.#pause && this.#requests.size < this.#atATime && this.#waiting.length) this.#send(this.#waiting.shift());
  }

  #send(task) {
    const request = new XMLHttpRequest();
    const form = this.#formOf(task);
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
    const isCurrent = () => this.#requests.get(task) === request;
    const move = (state, share) => { if (isCurrent()) this.become(task, state, { share, movedAt: Date.now() }); };
    request.upload.onprogress = (event) => move("sending", event.loaded / event.total);
    request.upload.onload = () => move("storing", 1);
    request.onerror = () => { if (isCurrent()) this.#lose(task); };
    request.onload = () => { if (isCurrent()) this.#end(task, request); };
    request.send(form);
    move("sending", 0);
  }

  #end(task, request) {
    const { status, response } = request;
    const isFlood = status === 429 && response?.error?.code === FLOOD;
    const wait = seconds(request.getResponseHeader("Retry-After"), isFlood ? MONTH : MAX_WAIT);
    if (status === 200 && response?.image) {
      this.#failures = 0;
      this.#requests.delete(task);
      this.become(task, "done", { share: 1, image: response.image });
    } else if (status === 409) {
      this.#requests.delete(task);
      this.become(task, "waiting");
      setTimeout(() => { if (task.state === "waiting") this.#putBack(task); }, 1000 * (wait || PENDING_SECONDS));
    } else if (status === 429 || status === 503 || (GATEWAY.includes(status) && !response?.error)) {
      this.#stop(isFlood ? "flood" : "busy", wait || this.#delay());
      this.#putBack(task);
    } else {
      const { code = status, message = "" } = response?.error || {};
      this.#requests.delete(task);
      this.become(task, "failed", { share: 0, refusal: { status, code, message } });
    }
    this.#next();
  }

  #lose(task) {
    task.losses += 1;
    if (task.losses >= MAX_LOSSES) {
      this.#requests.delete(task);
      this.become(task, "failed", { share: 0, refusal: { status: 0, code: 0, message: "" } });
      this.#next();
      return;
    }
    this.#stop(navigator.onLine ? "lost" : "offline", this.#delay());
    this.#putBack(task);
  }

  /** Let a task be the next one that is sent. */
  #putBack(task) {
    this.#drop(task);
    this.#waiting.unshift(task);
    this.become(task, "waiting", { share: 0 });
    this.#next();
  }

  #delay() {
    const delay = DELAYS[Math.min(this.#failures, DELAYS.length - 1)];
    return delay * (0.8 + 0.4 * Math.random()); // or all who wait come back at once
  }

  #stop(reason, wait) {
    if (this.#pause) return;
    this.#failures += 1;
    this.#pause = { reason, until: Date.now() + 1000 * wait };
    this.dispatchEvent(new CustomEvent("pause", { detail: this.#pause }));
    clearTimeout(this.#timer);
    if (reason !== "offline") this.#timer = setTimeout(() => this.#tryAgain(), 1000 * Math.min(wait, DAY));
  }

  /** Go on if the server is there. */
  async #tryAgain() {
    if (!this.#pause) return;
    const { reason } = this.#pause;
    clearTimeout(this.#timer);
    const isThere = reason === "busy" || reason === "flood" || (await answers(this.#url));
    this.#pause = null;
    if (!isThere) {
      this.#stop(navigator.onLine ? "lost" : "offline", this.#delay());
      return;
    }
    this.dispatchEvent(new CustomEvent("pause", { detail: null }));
    this.#next();
  }

  #goOffline() {
    if (!this.#requests.size && !this.#waiting.length) return;
    this.#pause = null;
    this.#stop("offline", 0);
    for (const task of [...this.#requests.keys()]) this.#putBack(task);
  }

  #endStalled() {
    const oldest = Date.now() - 1000 * STALL_SECONDS;
    for (const task of [...this.#requests.keys()]) if (task.state === "sending" && task.movedAt < oldest) this.#lose(task);
  }
}

/** Whether the server answers, and no proxy in its place. */
async function answers(url) {
  try {
    return !GATEWAY.includes((await fetch(url, { method: "HEAD", cache: "no-store" })).status);
  } catch {
    return false;
  }
}

/** Read `Retry-After`: seconds, or a date, of which `most` are believed; 0 is none. */
function seconds(header, most) {
  if (!header) return 0;
  const wait = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return wait > 0 ? Math.min(wait, most) : 0;
}

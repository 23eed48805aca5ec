// Chevereto's pop-up protocol: who opened this window asks for codes in its own way, and is told them. Only pages of the
// origins that the site names are: to any other, the browser delivers nothing.

import { pluginCode } from "./codes.js";

const DEFAULT = "bbcode-embed-medium";
const OFF = [0, "0", false, "false"];

/** The other end, if this window was opened as a pop-up; `origins` are those that may be told anything. */
export class Popup {
  #origins;
  #wish = DEFAULT;
  #closes = true;

  constructor(origins) {
    const referrer = document.referrer ? new URL(document.referrer).origin : null;
    // Asking one that is not there fills the console with errors.
    this.#origins = origins.includes(referrer) ? [referrer] : referrer === null ? origins : [];
    if (!this.isOpen) return;
    window.addEventListener("message", (event) => this.#listen(event));
    this.#tell({ requestAction: "postSettings" });
  }

  get isOpen() {
    return Boolean(window.opener && window.name && this.#origins.length);
  }

  /** Tell the codes of `images`, and close the window if `isOver`. */
  finish(images, isOver) {
    if (!this.isOpen || OFF.includes(this.#wish)) return;
    this.#tell({ message: images.map((image) => pluginCode(this.#wish, image)).join("\n") });
    if (isOver && this.#closes) window.close();
  }

  #listen(event) {
    if (event.source !== window.opener || !this.#origins.includes(event.origin)) return;
    const settings = event.data?.id === window.name ? event.data.settings : null;
    if (["string", "number"].includes(typeof settings?.autoInsert)) this.#wish = settings.autoInsert;
    if (settings && "autoClose" in settings) this.#closes = !OFF.includes(settings.autoClose);
  }

  #tell(what) {
    for (const origin of this.#origins) window.opener.postMessage({ id: window.name, ...what }, origin);
  }
}

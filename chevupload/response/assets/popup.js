// Chevereto's pop-up protocol: who opened this window asks for codes in its own way, and is told them. Only pages of the
// origins that the site names are: to any other, the browser delivers nothing.

import { pluginCode } from "./codes.js";

const DEFAULT = "bbcode-embed-medium";

/** The other end, if this window was opened as a pop-up; `origins` are those that may be told anything. */
export class Popup {
  #origins;
  #wish = DEFAULT;

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
    if (!this.isOpen) return;
    this.#tell({ message: images.map((image) => pluginCode(this.#wish, image)).join("\n") });
    if (isOver) window.close();
  }

  #listen(event) {
    if (event.source !== window.opener || !this.#origins.includes(event.origin)) return;
    if (event.data?.id === window.name && typeof event.data.settings?.autoInsert === "string") {
      this.#wish = event.data.settings.autoInsert;
    }
  }

  #tell(what) {
    for (const origin of this.#origins) window.opener.postMessage({ id: window.name, ...what }, origin);
  }
}

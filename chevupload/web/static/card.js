// One upload as a card of the grid: its picture, its name, its menu, and the question before it is deleted.

import { made, nameButtons } from "./row.js";

export class Card {
  /** Make a card of what the API's document `image` describes; `isFresh` is what was uploaded just now. */
  constructor(image, isFresh) {
    this.image = image;
    this.isFresh = isFresh;
    this.element = made("tile").firstElementChild;
    this.box = this.element.querySelector("input");
    this.element.querySelector(".name").textContent = this.name;
    this.element.querySelector("label .unseen").textContent = `Choose ${this.name}`;
    for (const link of this.element.querySelectorAll("a.open")) link.href = image.url_viewer;
    nameButtons(this.element, this.name);
    if (!image.nsfw) this.#showPicture();
    this.#showMarks();
    const menu = this.element.querySelector(".menu");
    if (image.delete_url) menu.querySelector("a").href = image.delete_url;
    else menu.remove();
  }

  get name() {
    return this.image.display_title || this.image.filename;
  }

  #showPicture() {
    const place = this.element.querySelector(".pic");
    const picture = Object.assign(new Image(480, 360), { alt: "", loading: "lazy", decoding: "async" });
    // One that a storage of another origin serves may be kept from this page, and a kept one may be gone.
    picture.onerror = () => { picture.replaceWith(place); };
    picture.src = this.image.thumb?.url || this.image.url_frame || this.image.url;
    place.replaceWith(picture);
  }

  #showMarks() {
    const { nsfw, duration_time: length, is_animated: isAnimated } = this.image;
    const marks = [nsfw && "Sensitive", length, isAnimated && "GIF"].filter(Boolean);
    const badges = marks.map((mark) => Object.assign(document.createElement("span"), { className: "badge", textContent: mark }));
    this.element.querySelector(".marks").append(...badges);
  }

  /** Ask whether to delete it, and do so; return "deleted", "failed" or "kept". */
  async askToDelete() {
    const dialog = made("ask").firstElementChild;
    dialog.querySelector("h2").textContent = `Delete “${this.name}”?`;
    this.element.closest("section").append(dialog);
    dialog.showModal();
    await new Promise((closed) => { dialog.addEventListener("close", closed); });
    dialog.remove();
    if (dialog.returnValue !== "delete") return "kept";
    return (await remove(this.image.delete_url)) ? "deleted" : "failed";
  }
}

/** Delete by a delete link; return whether it is gone, now or since before. */
async function remove(url) {
  try {
    const answer = await fetch(url, { method: "POST", headers: { Accept: "application/json" } });
    return answer.ok || answer.status === 404 || answer.status === 410;
  } catch {
    return false;
  }
}

// What is uploaded: cards in a grid, one bar that copies all of them, and a list that this browser keeps for a day.

import { KINDS, code } from "./codes.js";
import { arrange, forget, keep, kept } from "./history.js";
import { copyText, flash, made, nameButtons, say } from "./row.js";

const FORMAT = "chevupload.format"; // shared by all pages

const find = (id) => document.getElementById(id);
const section = find("uploaded");
const tiles = find("tiles");
const format = find("format");
const text = find("text");
let cards = []; // {image, element, box, isFresh}
let isSelecting = false;

export class Results {
  #history;

  /** Use what this browser keeps under `name`, if `history` is "links" or "delete_links". */
  constructor(name, history) {
    this.name = name;
    this.#history = history;
    cards = [];
    tiles.replaceChildren(...this.#kept().map((image) => this.#card(image, false)));
    if (!format.options.length) this.#begin();
  }

  #begin() {
    for (const [kind, label] of Object.entries(KINDS)) format.add(new Option(label, kind));
    format.value = remembered() || "viewer";
    format.addEventListener("change", () => {
      if (format.value !== "delete") remember(format.value);
      text.hidden = true;
    });
    find("copy-all").addEventListener("click", (event) => copyCodes(chosenImages(), format.value, event.currentTarget));
    find("copy-delete")?.addEventListener("click", (event) => copyCodes(shownImages(), "delete", event.currentTarget));
    find("save-delete")?.addEventListener("click", saveDeleteLinks);
    find("select").addEventListener("click", () => { select(!isSelecting); });
    tiles.addEventListener("change", review);
    for (const name of ["keydown", "focusout"]) section.addEventListener(name, closeMenus);
    document.addEventListener("click", closeMenus);
  }

  #kept() {
    return this.#history === "nothing" ? [] : kept(this.name);
  }

  /** Add what was uploaded just now. */
  add(image) {
    if (this.#history !== "nothing") keep(this.name, image, this.#history === "delete_links");
    // An upload that was retried is there once.
    const card = cards.find((one) => one.image.url_viewer === image.url_viewer);
    if (card) card.isFresh = true;
    else tiles.prepend(this.#card(image, true));
  }

  /** Show `images`, which were uploaded just now, in this order. */
  showBatch(images) {
    arrange(this.name, images);
    const byUrl = new Map(cards.map((card) => [card.image.url_viewer, card.element]));
    tiles.prepend(...images.map((image) => byUrl.get(image.url_viewer)).filter(Boolean));
    this.#show("Uploaded", (card) => card.isFresh);
    find("more").hidden = false;
    find("copy-all").classList.add("primary");
  }

  /** Show everything that is known below the form; return how many uploads that are. */
  showEarlier() {
    for (const card of cards) card.isFresh = false;
    this.#show("", () => true);
    for (const id of ["more", "failed"]) find(id).hidden = true;
    find("copy-all").classList.remove("primary");
    return cards.length;
  }

  #show(title, isShown) {
    for (const card of cards) card.element.hidden = !isShown(card);
    find("uploaded-title").hidden = !title;
    find("earlier-title").hidden = Boolean(title);
    text.hidden = true;
    select(false);
    this.#showKept();
  }

  #showKept() {
    const isKept = this.#kept().length > 0;
    find("kept").hidden = !isKept;
    find("not-kept").hidden = isKept;
    find("clear").onclick = () => this.#clear();
    if (find("keep-links")) find("keep-links").hidden = !shownImages().some((image) => image.delete_url);
  }

  /** Forget what is kept; what was uploaded just now stays on the page. */
  #clear() {
    forget(this.name);
    for (const card of cards.filter((one) => !one.isFresh)) card.element.remove();
    cards = cards.filter((card) => card.isFresh);
    section.hidden = !cards.length;
    this.#showKept();
    say("Cleared");
    find(cards.length ? "uploaded-title" : "choose").focus();
  }

  #card(image, isFresh) {
    const element = made("tile").firstElementChild;
    const name = image.display_title || image.filename;
    element.querySelector(".name").textContent = name;
    element.querySelector("label .unseen").textContent = `Choose ${name}`;
    for (const link of element.querySelectorAll("a.open")) link.href = image.url_viewer;
    nameButtons(element, name);
    showPicture(element, image);
    const menu = element.querySelector(".menu");
    if (image.delete_url) menu.querySelector("a").href = image.delete_url;
    else menu.remove();
    const card = { image, element, box: element.querySelector("input"), isFresh };
    element.addEventListener("click", (event) => this.#act(card, event));
    cards.push(card);
    return element;
  }

  #act(card, event) {
    const button = event.target.closest("[data-act]");
    if (isSelecting && event.target.closest("a.open") && !button) {
      event.preventDefault();
      card.box.checked = !card.box.checked;
      review();
    }
    if (button?.dataset.act === "copy") copyCodes([card.image], format.value, button);
    if (button?.dataset.act === "copy-delete") copyCodes([card.image], "delete", button);
    if (button?.dataset.act === "delete") this.#delete(card, event);
  }

  /** Ask, and delete in place; where the link leads to another origin, the browser follows it. */
  #delete(card, event) {
    if (new URL(card.image.delete_url).origin !== location.origin) return;
    event.preventDefault();
    const dialog = made("ask").firstElementChild;
    dialog.querySelector("h2").textContent = `Delete “${card.image.display_title || card.image.filename}”?`;
    dialog.addEventListener("close", async () => {
      dialog.remove();
      if (dialog.returnValue !== "delete") return card.element.querySelector("summary").focus();
      return this.#forget(card, await remove(card.image.delete_url));
    });
    section.append(dialog);
    dialog.showModal();
  }

  #forget(card, isGone) {
    if (!isGone) return say("It could not be deleted. Please try again.");
    const next = card.element.nextElementSibling || card.element.previousElementSibling;
    cards = cards.filter((one) => one !== card);
    card.element.remove();
    forget(this.name, card.image);
    this.#showKept();
    review();
    say("Deleted");
    return (next?.querySelector("[data-act=copy]") || find("more")).focus();
  }
}

function showPicture(element, image) {
  const place = element.querySelector(".pic");
  const marks = [];
  if (image.nsfw) {
    marks.push("Sensitive");
  } else {
    const picture = Object.assign(new Image(480, 360), { alt: "", loading: "lazy", decoding: "async" });
    // One that a storage of another origin serves may be kept from this page, and a kept one may be gone.
    picture.onerror = () => { picture.replaceWith(place); };
    picture.src = image.thumb?.url || image.url_frame || image.url;
    place.replaceWith(picture);
  }
  if (image.duration_time) marks.push(image.duration_time);
  if (image.is_animated) marks.push("GIF");
  const badges = marks.map((mark) => Object.assign(document.createElement("span"), { className: "badge", textContent: mark }));
  element.querySelector(".marks").append(...badges);
}

const shownCards = () => cards.filter((card) => !card.element.hidden);

/** Return what is shown, in the order of the page. */
function shownImages(isWanted = () => true) {
  const byElement = new Map(cards.map((card) => [card.element, card]));
  const found = [...tiles.children].map((element) => byElement.get(element));
  return found.filter((card) => !card.element.hidden && isWanted(card)).map((card) => card.image);
}

function chosenImages() {
  return shownImages(isSelecting && cards.some((card) => card.box.checked) ? (card) => card.box.checked : undefined);
}

function review() {
  const [count, chosen] = [shownCards().length, cards.filter((card) => card.box.checked).length];
  find("chosen").textContent = isSelecting ? `${chosen} of ${count} chosen` : `${count} uploaded`;
  find("copy-all").querySelector("span").textContent = isSelecting && chosen ? `Copy ${chosen}` : "Copy all";
  find("select").textContent = isSelecting ? "Done" : "Select";
}

function select(isOn) {
  isSelecting = isOn;
  find("select").setAttribute("aria-pressed", String(isOn));
  for (const { box } of cards) {
    box.parentElement.hidden = !isOn;
    box.checked = false;
  }
  review();
}

async function copyCodes(images, kind, button) {
  const value = images.map((image) => code(kind, image)).filter(Boolean).join("\n");
  const isCopied = await copyText(value);
  text.hidden = isCopied;
  if (!isCopied) {
    text.value = value;
    text.focus();
    text.select();
  }
  flash(button, isCopied ? "Copied" : "Selected");
}

function saveDeleteLinks() {
  const lines = shownImages().filter((image) => image.delete_url).map((image) => `${image.url_viewer}\t${image.delete_url}\n`);
  const url = URL.createObjectURL(new Blob(lines, { type: "text/plain" }));
  Object.assign(document.createElement("a"), { href: url, download: "delete-links.txt" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

async function remove(url) {
  try {
    const answer = await fetch(url, { method: "POST", headers: { Accept: "application/json" } });
    return answer.ok || answer.status === 404 || answer.status === 410;
  } catch {
    return false;
  }
}

/** A menu closes on Escape, on a click elsewhere, and when the focus leaves it. */
function closeMenus(event) {
  for (const menu of section.querySelectorAll(".menu[open]")) {
    const isInside = menu.contains(event.type === "focusout" ? event.relatedTarget : event.target);
    if (event.type === "keydown" ? event.key !== "Escape" : isInside || (event.type === "focusout" && !event.relatedTarget)) continue;
    menu.open = false;
    if (event.type === "keydown") menu.querySelector("summary").focus();
  }
}

// What a browser's storage keeps, it may refuse to.
function remembered() {
  try {
    const kind = localStorage.getItem(FORMAT);
    return Object.hasOwn(KINDS, kind) ? kind : null;
  } catch {
    return null;
  }
}

function remember(kind) {
  try {
    localStorage.setItem(FORMAT, kind);
  } catch {
    // Then nothing is remembered.
  }
}

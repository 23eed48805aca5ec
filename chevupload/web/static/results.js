// What is uploaded: cards in a grid, one bar that copies all of them, and a list that this browser keeps for a day.

import { Card } from "./card.js";
import { copyText, flash, say } from "./clipboard.js";
import { KINDS, code } from "./codes.js";
import { rememberFormat, rememberedFormat } from "./format.js";
import { arrange, forget, keep, kept } from "./history.js";
import "./menu.js";

const find = (id) => document.getElementById(id);
const section = find("uploaded");
const tiles = find("tiles");
const format = find("format");
const text = find("text");
let cards = [];
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
    format.value = Object.hasOwn(KINDS, rememberedFormat()) ? rememberedFormat() : "viewer";
    format.addEventListener("change", () => {
      if (format.value !== "delete") rememberFormat(format.value);
      text.hidden = true;
    });
    find("copy-all").addEventListener("click", (event) => copyCodes(chosenImages(), format.value, event.currentTarget));
    find("copy-delete")?.addEventListener("click", (event) => copyCodes(shownImages(), "delete", event.currentTarget));
    find("save-delete")?.addEventListener("click", saveDeleteLinks);
    find("select").addEventListener("click", () => { select(!isSelecting); });
    tiles.addEventListener("change", review);
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
    const card = new Card(image, isFresh);
    card.element.addEventListener("click", (event) => this.#act(card, event));
    cards.push(card);
    return card.element;
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
  async #delete(card, event) {
    if (new URL(card.image.delete_url).origin !== location.origin) return;
    event.preventDefault();
    const outcome = await card.askToDelete();
    if (outcome === "kept") card.element.querySelector("summary").focus();
    else this.#forget(card, outcome === "deleted");
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

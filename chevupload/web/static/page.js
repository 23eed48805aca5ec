// What every page does but uploading: copy a text in the chosen format, zoom a picture in its place, close menus.

import { copyText, flash, selectAll } from "./clipboard.js";
import { rememberFormat, rememberedFormat } from "./format.js";
import "./menu.js";

// One field, many formats; the choice is remembered for every page.
for (const select of document.querySelectorAll("[data-codes]")) {
  const field = document.getElementById(select.dataset.codes);
  const stored = rememberedFormat();
  const found = [...select.options].find((option) => option.dataset.format === stored);
  if (found) found.selected = true;
  const show = () => { field.value = select.value; };
  select.addEventListener("change", () => {
    rememberFormat(select.selectedOptions[0].dataset.format);
    show();
  });
  show();
}

// Copy what is in a field or a block; where the browser has no clipboard, as on pages without TLS, select it.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const from = document.getElementById(button.dataset.copy);
    const isCopied = (await copyText(from.value ?? from.textContent)) || selectAll(from);
    flash(button, isCopied ? "Copied" : "Selected");
  });
}

// A click shows a picture at full size in its place, Escape fits it again; with a key held, the browser opens the file.
for (const link of document.querySelectorAll("[data-zoom]")) {
  const stage = link.closest(".stage");
  const label = link.getAttribute("aria-label");
  const zoom = (on) => {
    stage.classList.toggle("full", on);
    // Shown at the picture's own width, of several files the browser takes the whole.
    for (const image of link.querySelectorAll("[srcset]")) image.sizes = `${image.getAttribute("width")}px`;
    link.setAttribute("aria-label", on ? link.dataset.zoom : label);
  };
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    zoom(!stage.classList.contains("full"));
  });
  link.addEventListener("keydown", (event) => { if (event.key === "Escape") zoom(false); });
}

// Behind a picture with holes is a ground that shows what is there, whatever its colour.
for (const picture of document.querySelectorAll(".may-have-holes img")) {
  picture.decode().then(() => {
    const stage = picture.closest(".stage");
    if (hasHoles(picture)) stage.classList.add("check-back");
  }, () => {});
}

/** Whether a picture lets something through; of another origin's, nobody can tell, so it counts as one that does. */
function hasHoles(picture) {
  const side = 64;
  const small = Object.assign(document.createElement("canvas"), { width: side, height: side }).getContext("2d");
  small.drawImage(picture, 0, 0, side, side);
  try {
    return small.getImageData(0, 0, side, side).data.some((value, place) => place % 4 === 3 && value < 255);
  } catch {
    return true;
  }
}

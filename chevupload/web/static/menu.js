// A menu closes on Escape, on a click elsewhere, and when the focus leaves it.

function closeMenus(event) {
  for (const menu of document.querySelectorAll(".menu[open]")) {
    const isInside = menu.contains(event.type === "focusout" ? event.relatedTarget : event.target);
    if (event.type === "keydown" ? event.key !== "Escape" : isInside || (event.type === "focusout" && !event.relatedTarget)) continue;
    menu.open = false;
    if (event.type === "keydown") menu.querySelector("summary").focus();
  }
}

for (const name of ["keydown", "focusout", "click"]) document.addEventListener(name, closeMenus);

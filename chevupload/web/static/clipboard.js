// Copying, and what a button and a screen reader say of it.

/** Copy `text`; return false where the browser has no clipboard, as on pages without TLS. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Select all of a field or a block, for somebody to copy; return whether the browser has copied it. */
export function selectAll(element) {
  element.focus();
  if (element.select) element.select();
  else getSelection().selectAllChildren(element);
  return document.execCommand("copy");
}

const usual = new WeakMap(); // what the texts of buttons say else

/** Let a button say for two seconds what it has done. */
export function flash(button, text) {
  const place = button.querySelector("span:not(.unseen)") || button;
  const word = [...place.childNodes].find((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  if (!usual.has(word)) usual.set(word, word.data);
  word.data = text;
  setTimeout(() => { if (word.data === text) word.data = usual.get(word); }, 2000);
  say(text);
}

/** Tell who listens to the page. */
export function say(text) {
  let status = document.getElementById("said");
  if (!status) {
    status = Object.assign(document.createElement("p"), { id: "said", className: "unseen" });
    status.setAttribute("role", "status");
    document.querySelector(".chevupload").append(status);
  }
  status.textContent = text;
}

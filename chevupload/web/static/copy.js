// A button beside each field of links and codes, and behind each block of code, which copies it.

/** Add buttons to the fields and blocks below `root` that have none yet. */
export function addButtons(root = document) {
  for (const field of root.querySelectorAll(".copies input[readonly], .chevupload pre")) {
    if (!field.nextElementSibling?.matches("button.copy")) field.after(copyButton(field));
  }
}

/** Return a button that copies what is in `field`, which may be a block of code, and says so. */
export function copyButton(field) {
  const button = document.createElement("button");
  const name = field.labels?.[0]?.textContent || field.getAttribute("aria-label");
  button.type = "button";
  button.className = "quiet copy";
  button.textContent = "Copy";
  button.setAttribute("aria-label", `Copy: ${name}`);
  button.addEventListener("click", async () => {
    const done = await copy(field);
    button.textContent = done ? "Copied" : "Selected";
    announce(done ? `Copied: ${name}` : `Selected: ${name}. Copy it with your browser.`);
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  return button;
}

/** Copy a field's text; where the browser does not let us, select it, so that a person can. */
async function copy(field) {
  try {
    await navigator.clipboard.writeText(field.value ?? field.textContent);
    return true;
  } catch {
    // There is no clipboard on pages without TLS.
    field.focus();
    if (field.select) field.select();
    else getSelection().selectAllChildren(field);
    return document.execCommand("copy");
  }
}

/** Tell who listens to the page. */
function announce(text) {
  let status = document.getElementById("copy-status");
  if (!status) {
    status = document.createElement("p");
    status.id = "copy-status";
    status.className = "unseen";
    status.setAttribute("role", "status");
    document.querySelector(".chevupload").append(status);
  }
  status.textContent = text;
}

addButtons();

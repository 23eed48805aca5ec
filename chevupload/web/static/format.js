// The format in which links are copied, which the browser remembers for every page.

const NAME = "chevupload.format";

/** Return the kind that was chosen last, or null. */
export function rememberedFormat() {
  try {
    return localStorage.getItem(NAME);
  } catch {
    return null; // what a browser keeps, it may refuse to
  }
}

export function rememberFormat(kind) {
  try {
    localStorage.setItem(NAME, kind);
  } catch {
    // Then nothing is remembered.
  }
}

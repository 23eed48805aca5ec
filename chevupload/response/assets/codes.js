// Links and codes of an upload, as the API's document of it has them.

const escaped = (text) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
const plain = (text) => text.replace(/[[\]()\n]/g, " ");

const pictures = {
  html: (url, title) => `<img src="${escaped(url)}" alt="${escaped(title)}">`,
  markdown: (url, title) => `![${plain(title)}](${url})`,
  bbcode: (url) => `[img]${url}[/img]`,
};
const linked = {
  html: (url, picture) => `<a href="${escaped(url)}">${picture}</a>`,
  markdown: (url, picture) => `[${picture}](${url})`,
  bbcode: (url, picture) => `[url=${url}]${picture}[/url]`,
};

/** What may be copied: kind and label. */
export const KINDS = {
  viewer: "Viewer",
  direct: "Direct link",
  html: "HTML",
  markdown: "Markdown",
  bbcode: "BBCode",
  delete: "Delete link",
};

/** Return the text of a kind, empty where there is none. */
export function code(kind, image) {
  if (kind === "viewer") return image.url_viewer;
  if (kind === "direct") return image.url;
  if (kind === "delete") return image.delete_url || "";
  return embedded(kind, image, sized(image, "medium"), true);
}

/**
 * Return what Chevereto's plugin asks for: `viewer-link`, `direct-link`, or `html-embed`, `markdown-embed` and
 * `bbcode-embed` alone or with `-full`, `-medium` or `-thumbnail` behind, which link to the viewer.
 */
export function pluginCode(wish, image) {
  const [kind, , size] = String(wish).split("-");
  if (kind === "viewer" || kind === "direct") return code(kind, image);
  if (!Object.hasOwn(pictures, kind)) return code("bbcode", image);
  return embedded(kind, image, sized(image, size), Boolean(size));
}

function embedded(kind, image, url, isLinked) {
  const picture = pictures[kind](url, image.title || image.filename);
  return isLinked ? linked[kind](image.url_viewer, picture) : picture;
}

function sized(image, size) {
  const found = { medium: image.medium?.url, thumbnail: image.thumb?.url }[size];
  return found || image.url_frame || image.url;
}

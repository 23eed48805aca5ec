// Links and codes of an upload, as the API's document of it has them.

const escaped = (text) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
const plain = (text) => text.replace(/[[\]()\n]/g, " ");

/** A film plays where it is put, in HTML and BBCode; Markdown has none. */
const films = {
  html: (image) => {
    const attributes = { src: image.url, poster: image.url_frame, width: image.width, height: image.height };
    const spelled = Object.entries(attributes).map(([name, value]) => `${name}="${escaped(String(value))}"`);
    const link = `<a href="${escaped(image.url_viewer)}">${escaped(titleOf(image))}</a>`;
    return `<video ${spelled.join(" ")} controls preload="none">${link}</video>`;
  },
  bbcode: (image) => `[video]${image.url}[/video]`,
};
const pictures = {
  html: (url, title, choice) => `<img src="${escaped(url)}"${choice} alt="${escaped(title)}">`,
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
  viewer: "Link",
  direct: "Direct link",
  markdown: "Markdown",
  html: "HTML",
  bbcode: "BBCode",
  thumb: "Thumbnail",
  delete: "Delete link",
};

/** Return the text of a kind, empty where there is none. */
export function code(kind, image) {
  if (kind === "viewer") return image.url_viewer;
  if (kind === "direct") return image.url;
  if (kind === "thumb") return sized(image, "thumbnail");
  if (kind === "delete") return image.delete_url || "";
  return playing(kind, image) || embedded(kind, image, sized(image, "medium"), true);
}

/**
 * Return what Chevereto's plugin asks for: `viewer-links`, `direct-links`, or `html-embed`, `markdown-embed` and
 * `bbcode-embed` alone or with `-full`, `-medium` or `-thumbnail` behind, which link to the viewer. Alone, films play.
 */
export function pluginCode(wish, image) {
  const [kind, , size] = String(wish).split("-");
  if (kind === "viewer" || kind === "direct") return code(kind, image);
  if (!Object.hasOwn(pictures, kind)) return code("bbcode", image);
  return (!size && playing(kind, image)) || embedded(kind, image, sized(image, size), Boolean(size));
}

function playing(kind, image) {
  return image.type === "video" && Object.hasOwn(films, kind) ? films[kind](image) : "";
}

function titleOf(image) {
  return image.title || image.filename;
}

function embedded(kind, image, url, isLinked) {
  const picture = pictures[kind](url, titleOf(image), choice(image, url));
  return isLinked ? linked[kind](image.url_viewer, picture) : picture;
}

/** Return the attributes by which a browser chooses: a screen with more pixels shows a larger one in its place. */
function choice(image, url) {
  const width = Number(image.display_width);
  if (image.is_animated || url !== image.medium?.url || url !== image.display_url) return "";
  const larger = Object.values(extras(image)).filter((one) => one.width > width && isWhole(one, image));
  const found = [{ url, width }, ...larger].sort((one, other) => one.width - other.width);
  return larger.length ? ` srcset="${escaped(found.map((one) => `${one.url} ${one.width}w`).join(", "))}" sizes="${width}px"` : "";
}

/** Return the pictures in additional sizes, which have names such as w800. */
export function extras(image) {
  return Object.fromEntries(Object.entries(image).filter(([name]) => /^[ws][1-9][0-9]{1,3}$/.test(name)));
}

function isWhole(one, image) {
  const follows = (side, other, through) => Math.max(1, Math.round(side * other / through));
  return one.height === follows(image.height, one.width, image.width)
    || one.width === follows(image.width, one.height, image.height);
}

function sized(image, size) {
  const found = { medium: image.medium?.url, thumbnail: image.thumb?.url }[size];
  return found || image.url_frame || image.url;
}

// The list of what was uploaded, as this browser keeps it for a day.

import { extras } from "./codes.js";

const DAY = 86_400_000; // milliseconds
const MOST = 500; // uploads
const MEMBERS = [
  ...["url", "url_viewer", "url_frame", "type", "width", "height", "title", "filename", "display_title", "size"],
  ...["nsfw", "duration_time", "is_animated", "expiration_date_gmt", "display_url", "display_width"],
];

/** Return what is kept under `name`, the newest first. */
export function kept(name) {
  try {
    return (JSON.parse(localStorage.getItem(name)) || []).filter(isCurrent);
  } catch {
    return [];
  }
}

/** Keep an upload, which the API's document `image` describes. */
export function keep(name, image, withDeleteLink) {
  const entry = Object.fromEntries(MEMBERS.map((member) => [member, image[member]]));
  Object.assign(entry, { thumb: { url: image.thumb?.url }, medium: { url: image.medium?.url }, at: Date.now() }, extras(image));
  if (withDeleteLink) entry.delete_url = image.delete_url;
  store(name, [entry, ...kept(name).filter((one) => one.url_viewer !== image.url_viewer)].slice(0, MOST));
}

/** Put `images`, which are kept already, first, in this order: they came in that in which they were through. */
export function arrange(name, images) {
  const byUrl = new Map(kept(name).map((one) => [one.url_viewer, one]));
  const first = images.map((image) => byUrl.get(image.url_viewer)).filter(Boolean);
  store(name, [...new Set([...first, ...byUrl.values()])]);
}

/** Forget one image, or everything that is kept under `name`. */
export function forget(name, image = null) {
  store(name, image ? kept(name).filter((one) => one.url_viewer !== image.url_viewer) : []);
}

function isCurrent(image) {
  const expires = image.expiration_date_gmt ? Date.parse(`${image.expiration_date_gmt.replace(" ", "T")}Z`) : Infinity;
  return image.at > Date.now() - DAY && expires > Date.now();
}

function store(name, images) {
  try {
    if (images.length) localStorage.setItem(name, JSON.stringify(images));
    else localStorage.removeItem(name);
  } catch {
    // The storage is full or switched off: then nothing is kept.
  }
}

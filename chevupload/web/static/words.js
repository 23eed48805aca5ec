// What a person reads when an upload is refused, and what to do about it.

/** By status and code of the answer; a file's name stands above. Where there is none, the server's message is shown. */
const WORDS = {
  "400 101": "You uploaded this file already today.",
  "400 100": "This video is damaged, or of a kind we cannot read.",
  "400 120": "This file is not a picture, or it is damaged.",
  "400 610": "This file is not a picture, or it is damaged.",
  "400 130": "This file is empty.",
  "401 100": "This key does not work. It may be mistyped, revoked or too old.",
  "403 400": "We do not fetch from this address.",
  "408 408": "The upload took too long. Check your connection and retry.",
  "413 413": "This file is too large for this site.",
  "422 422": "Please choose the file again.",
  "500 500": "Something broke on our side. It is noted; please try again later.",
  "502 600": "The other site did not give us the picture.",
  "504 600": "The other site took too long. Save the picture and upload the file.",
  "0 0": "The connection was lost. Check it and retry.",
};
/** Where status and code stand for several things, by the message. */
const BY_MESSAGE = {
  "Malformed URL": "This is not a web address we can use. It should start with https://.",
  "Malformed request body": "The browser sent something we could not read. Load the page again and retry.",
  "Image too big": "This picture has too many pixels for this site. A smaller copy may work.",
  "Image takes too much time or memory to process": "This file is too complicated to process here. A smaller copy may work.",
  "This ticket is used up": "This ticket is used up. Ask for a new one where it came from.",
  "No key provided": "Please sign in, or paste an API key.",
  "Request denied": "This key may not do that.",
  "URL uploading is disabled": "Uploading from a web address is switched off here. Save the picture and upload the file.",
  "Album not found among the key's own albums": "This album is not there any more. Choose another one.",
};
/** Statuses and codes of what a retry does not mend. */
const HOPELESS = ["400 100", "400 101", "400 120", "400 130", "400 610", "403 400", "413 400", "413 413", "415 613", "415 614"];

/** Return the words for a refusal, `{status, code, message}`, of a site that takes these `formats`. */
export function wordsFor({ status, code, message }, formats) {
  const key = `${status} ${code}`;
  const size = status === 413 && /^File too big - max (.+)$/.exec(message);
  if (size) return `This file is larger than ${size[1]}.`;
  if (key === "415 613" || key === "415 614") return `Files of this kind are not accepted here. Use ${formats}.`;
  const quota = /^Quota exceeded: (.+)$/.exec(message);
  if (quota) return `There is no room left for this: ${quota[1]}. Delete something that you do not need, then retry.`;
  const field = /^Invalid (\w+), /.exec(message);
  if (field) return `${field[1][0].toUpperCase()}${field[1].slice(1).replace("_", " ")}: please check this.`;
  return BY_MESSAGE[message] || WORDS[key] || message || `The server answered ${status}. Please try again later.`;
}

export function isHopeless({ status, code }) {
  return HOPELESS.includes(`${status} ${code}`);
}

/** Return what is said while nothing is sent for a `reason`. */
export function pauseWords({ reason, until }) {
  const seconds = Math.max(1, Math.ceil((until - Date.now()) / 1000));
  if (reason === "offline") return "You are offline. The upload goes on when you are back.";
  if (reason === "lost") return "The connection was lost. We retry by ourselves.";
  if (reason === "flood") return `You have uploaded as much as you may for now. Nothing is lost; it goes on by itself in ${spellWait(seconds)}.`;
  return `Too many people at once. Nothing is lost; it goes on in about ${seconds} seconds.`;
}

/** Spell a time in seconds in the largest unit of which there are two, rounded up. */
function spellWait(seconds) {
  const units = { days: 86_400, hours: 3_600, minutes: 60 };
  const [unit, length] = Object.entries(units).find((one) => seconds >= 2 * one[1]) || ["seconds", 1];
  return seconds === 1 ? "1 second" : `${Math.ceil(seconds / length)} ${unit}`;
}

/** Spell a time in seconds, rounded. */
export function spellTime(seconds) {
  if (seconds < 55) return `about ${Math.ceil(seconds / 5) * 5} seconds left`;
  const minutes = Math.round(seconds / 60) || 1;
  if (minutes < 60) return `about ${minutes === 1 ? "a minute" : `${minutes} minutes`} left`;
  const hours = Math.round(minutes / 60);
  return `about ${hours === 1 ? "an hour" : `${hours} hours`} left`;
}

// What is dropped onto a page: files, and those in folders, however deep.

const MOST = 1000; // files of one drop
const MOST_SEEN = 20000; // entries of the folders in it

/**
 * Return the files in `transfer`, and what is to be said about them. Of those in a folder only what `accepted` names
 * counts, types and endings: folders hold much that nobody means.
 */
export async function filesOf(transfer, accepted) {
  const found = { files: [], problem: "", seen: 0 };
  // All at once: after the first wait the browser has emptied the list.
  const dropped = [...transfer.items].map((item) => ({ entry: item.webkitGetAsEntry?.(), file: item.getAsFile() }));
  let folders = 0;
  for (const { entry, file } of dropped) {
    if (entry?.isDirectory) {
      folders += 1;
      await walk(entry, found, (one) => isAccepted(one, accepted));
    } else if (file) {
      found.files.push(file);
    }
  }
  if (folders && !found.files.length && !found.problem) found.problem = "There is nothing in it that can be uploaded.";
  return found;
}

async function walk(folder, found, isWanted) {
  for await (const entry of entriesOf(folder)) {
    found.seen += 1;
    if (found.files.length >= MOST || found.seen > MOST_SEEN) {
      found.problem = `These are the first ${found.files.length} files. Drop the others in parts.`;
      return;
    }
    if (entry.isDirectory) {
      await walk(entry, found, isWanted);
    } else {
      const file = await fileOf(entry);
      if (file && isWanted(file)) found.files.push(file);
    }
  }
}

/** Read a folder, which the browser gives in parts, in the order of names. */
async function* entriesOf(folder) {
  const reader = folder.createReader();
  const entries = [];
  for (;;) {
    const part = await new Promise((done) => reader.readEntries(done, () => done([])));
    if (!part.length) break;
    entries.push(...part);
  }
  yield* entries.sort((one, other) => one.name.localeCompare(other.name));
}

/** Return the file of an entry, or null where it is gone or may not be read. */
function fileOf(entry) {
  return new Promise((done) => entry.file(done, () => done(null)));
}

function isAccepted(file, accepted) {
  const name = file.name.toLowerCase();
  return accepted.some((type) => (type.startsWith(".") ? name.endsWith(type) : file.type === type));
}

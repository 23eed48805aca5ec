// Files in folders that are dropped onto a page, however deep.

const MOST = 1000; // files of one drop
const MOST_SEEN = 20000; // entries of the folders in it

/** Return the files below `folders`, which are entries of the browser, that `isWanted`, and what is to be said of them. */
export async function filesBelow(folders, isWanted) {
  const found = { files: [], problem: "", seen: 0 };
  for (const folder of folders) await walk(folder, found, isWanted);
  return found;
}

async function walk(folder, found, isWanted) {
  for (const entry of await entriesOf(folder)) {
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
async function entriesOf(folder) {
  const reader = folder.createReader();
  const entries = [];
  for (;;) {
    const part = await new Promise((done) => reader.readEntries(done, () => done([])));
    if (!part.length) return entries.sort((one, other) => one.name.localeCompare(other.name));
    entries.push(...part);
  }
}

/** Return the file of an entry, or null where it is gone or may not be read. */
function fileOf(entry) {
  return new Promise((done) => entry.file(done, () => done(null)));
}

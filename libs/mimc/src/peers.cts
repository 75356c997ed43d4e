/**
 * What loads what an entry takes from its optional peers. They are required and not imported: a package that a module
 * imports is looked for before any of its code runs, which leaves it no word to say. Hence CommonJS, where `require` is at
 * hand.
 *
 * It is called by an ES module: when CommonJS code throws while `import()` runs it, Node.js 20 ends the process although
 * the caller catches the error.
 *
 * @returns what throws an Error that names the entry and what to install, when a peer is not there
 */
export function peersOf<Peers>(entry: string, packages: readonly string[], load: () => Peers): () => Peers {
  return () => {
    try {
      return load();
    } catch (error) {
      throw missing(entry, packages, error);
    }
  };
}

/**
 * Loads at once, for a peer that is ESM only, and so must be imported: late, as a static import would be too early.
 *
 * @throws Error as what {@link peersOf} returns does
 */
export async function importPeersOf<Peers>(
  entry: string,
  packages: readonly string[],
  load: () => Promise<Peers>,
): Promise<Peers> {
  try {
    return await load();
  } catch (error) {
    throw missing(entry, packages, error);
  }
}

function missing(entry: string, packages: readonly string[], error: unknown): unknown {
  const code: unknown = Reflect.get(Object(error), 'code');
  if (code !== 'MODULE_NOT_FOUND' && code !== 'ERR_MODULE_NOT_FOUND') return error;
  const names = new Intl.ListFormat('en', { type: 'conjunction' }).format(packages);
  const message = `nestjs-mimc/${entry} needs ${names}: npm install ${packages.join(' ')}`;
  return new Error(message, { cause: error });
}

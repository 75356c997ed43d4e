/**
 * Completes package-lock.json: npm leaves out the checksums of packages for other platforms. Run it after a dependency has
 * changed: `npm run lock:integrity`. It asks the registry; test/package/lockfile.spec.ts fails while one is missing.
 */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';

const FILE = new URL('../package-lock.json', import.meta.url);
const AT_ONCE = 4;

const lock = JSON.parse(readFileSync(FILE, 'utf8'));
const incomplete = Object.entries(lock.packages).filter(
  ([path, entry]) => path !== '' && !entry.link && !entry.integrity,
);

await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let next = incomplete.pop(); next !== undefined; next = incomplete.pop()) await complete(...next);
  }),
);
writeFileSync(FILE, `${JSON.stringify(lock, undefined, 2)}\n`);

/** @param path `node_modules/<name>`, perhaps inside another package */
async function complete(path, entry) {
  const name = entry.name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const { stdout } = await promisify(execFile)('npm', ['view', `${name}@${entry.version}`, 'dist.integrity']);
  const integrity = stdout.trim();
  if (!/^sha512-[\w+/]+=*$/.test(integrity)) throw new Error(`The registry has no sha512 of ${name}@${entry.version}`);
  // Where npm itself puts it.
  const { version, ...rest } = entry;
  lock.packages[path] = { version, integrity, ...rest };
  process.stdout.write(`${name}@${entry.version}\n`);
}

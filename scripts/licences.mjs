/**
 * `npm run licences`: the licences of what the package and the sample API run on, from package-lock.json and the installed
 * manifests. Fails for a licence that is not among ALLOWED, and when THIRD-PARTY.md says anything else; with `--write`
 * it writes that file.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Permissive licences, by SPDX identifier. */
const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Python-2.0',
  'Unlicense',
]);

const root = join(import.meta.dirname, '..');
const list = join(root, 'THIRD-PARTY.md');
const { packages: locked } = readJson('package-lock.json');

const ofPackage = licencesOf(Object.keys(readJson('libs/mimc/package.json').dependencies));
const ofSample = licencesOf(Object.keys(readJson('package.json').dependencies));
const refused = ofSample.filter(({ licence }) => !isAllowed(licence));
const text = inWords();

if (refused.length > 0) {
  fail(`These licences are unknown or not permissive:\n${linesOf(refused)}`);
} else if (process.argv.includes('--write')) {
  writeFileSync(list, text);
} else if (text !== readFileSync(list, 'utf8')) {
  fail('THIRD-PARTY.md is not what package-lock.json says: run `npm run licences -- --write`');
} else {
  process.stdout.write(`${ofSample.length} packages, all under permissive licences\n`);
}

/** These packages and all that they need, each version once, by name. */
function licencesOf(names) {
  const found = new Map();
  const queue = names.map((name) => locate('', name));
  for (const path of queue) {
    if (path === undefined || found.has(path)) continue;
    const { dependencies, optionalDependencies, peerDependencies, version } = locked[path];
    found.set(path, { name: nameIn(path), version, licence: licenceOf(path) });
    // Peers are there when somebody wants them: what is optional may be missing.
    const needed = { ...dependencies, ...optionalDependencies, ...peerDependencies };
    queue.push(...Object.keys(needed).map((name) => locate(path, name)));
  }
  const unique = new Map([...found.values()].map((entry) => [`${entry.name}@${entry.version}`, entry]));
  return [...unique.values()].toSorted((a, b) => compare(a.name, b.name) || compare(a.version, b.version));
}

/** Where Node.js finds `name` from the package at `path`; undefined when it is not for production, or not there. */
function locate(path, name) {
  for (let from = path; ; from = from.slice(0, Math.max(from.lastIndexOf('/node_modules/'), 0))) {
    const candidate = `${from}${from === '' ? '' : '/'}node_modules/${name}`;
    if (candidate in locked) return locked[candidate].dev ? undefined : candidate;
    if (from === '') return undefined;
  }
}

/** What its manifest says; of what is not for this platform, and so not installed, what the lock file says. */
function licenceOf(path) {
  try {
    const { license, licenses } = readJson(`${path}/package.json`);
    // Manifests of before 2014 have a list of objects.
    return license ?? licenses?.map(({ type }) => type).join(' OR ');
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return locked[path].license;
  }
}

/** One identifier, or a choice of which one is allowed. */
function isAllowed(licence) {
  if (typeof licence !== 'string') return false;
  return licence
    .replaceAll(/[()]/g, '')
    .split(' OR ')
    .some((choice) => choice.split(' AND ').every((identifier) => ALLOWED.has(identifier)));
}

function inWords() {
  return [
    '# Third-party licences',
    '',
    'Written by `npm run licences -- --write` from `package-lock.json`; `npm run licences` checks it.',
    '',
    '## `nestjs-mimc` installs',
    '',
    linesOf(ofPackage),
    '',
    '## The sample API runs on',
    '',
    linesOf(ofSample),
    '',
  ].join('\n');
}

function linesOf(entries) {
  return entries.map(({ name, version, licence }) => `- ${name} ${version}: ${licence}`).join('\n');
}

function nameIn(path) {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

function compare(a, b) {
  return a < b ? -1 : Number(a > b);
}

function readJson(path) {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}

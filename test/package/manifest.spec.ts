import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';

/** What the tests read of libs/mimc/package.json, the manifest of the published package. */
interface Manifest {
  name: string;
  version: string;
  main: string;
  types: string;
  bin: Record<string, string>;
  engines: { node: string };
  exports: Record<string, string | Record<string, Record<'types' | 'default', string>>>;
  typesVersions: { '*': Record<string, string[]> };
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional: boolean }>;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const src = join(root, 'libs/mimc/src');
const manifest = JSON.parse(readFileSync(join(root, 'libs/mimc/package.json'), 'utf8')) as Manifest;
const declared = { ...manifest.peerDependencies, ...manifest.dependencies };
const optional = Object.keys(manifest.peerDependenciesMeta);

/** Entries with optional peers, and which. */
const OWN_PEERS: Record<string, string[]> = {
  'bullmq/index.ts': ['bullmq', 'ioredis'],
  'opentelemetry/index.ts': ['@opentelemetry/api'],
  'swagger/index.ts': ['@nestjs/swagger'],
  'terminus/index.ts': ['@nestjs/terminus'],
};

/** Peers that no source imports, and why they are there all the same. */
const NOT_IMPORTED = [
  // Nest's ValidationPipe loads it together with class-validator, for the DTOs of this package.
  'class-transformer',
  // What the compiler makes of the decorators calls its global functions.
  'reflect-metadata',
];

describe('The manifest of nestjs-mimc', () => {
  it('declares every package that a source imports, types too, and no other', () => {
    const imported = new Set(sources().flatMap((file) => packagesOf(file)));
    expect([...imported, ...NOT_IMPORTED].toSorted()).toEqual(Object.keys(declared).toSorted());
  });

  it.each(entrySources())('has only those optional peers that %s needs', (entry) => {
    const reached = reachedFrom(join(src, entry));
    const imported = new Set([...reached].flatMap((file) => packagesOf(file)));
    expect(reached.size).toBeGreaterThan(5);
    expect(optional.filter((name) => imported.has(name))).toEqual(OWN_PEERS[entry] ?? []);
  });

  it('describes as optional only what it declares as a peer', () => {
    expect(Object.keys(manifest.peerDependencies)).toEqual(expect.arrayContaining(optional));
    expect(Object.values(manifest.peerDependenciesMeta)).toEqual(optional.map(() => ({ optional: true })));
  });

  it('takes two majors of Nest at least, and no package twice', () => {
    const ranges = Object.entries(manifest.peerDependencies).filter(([name]) => name.startsWith('@nestjs/'));
    expect(ranges.filter(([, range]) => !/^\^\d+\.0\.0 \|\| \^12\.0\.0$/.test(range))).toEqual([]);
    expect(Object.keys(manifest.dependencies).filter((name) => name in manifest.peerDependencies)).toEqual([]);
  });

  it('runs where the workspace does, and where Node.js lets CommonJS require ESM', () => {
    const workspace = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
    expect(manifest.engines).toEqual(workspace.engines);
    expect(manifest.engines.node).toBe('^20.19.0 || ^22.12.0 || >=24.0.0');
  });

  it.each(Object.entries(declared))('accepts the %s that is installed here: %s', (name, range) => {
    const installed = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')) as Manifest;
    expect(satisfies(installed.version, range)).toBe(true);
  });

  it('names only files that have a source', () => {
    const { main, types, bin, exports: entries, typesVersions } = manifest;
    const { './package.json': _itself, ...modules } = entries;
    const named = leaves([main, types, bin, modules, typesVersions]);
    expect(named.filter((file) => !existsSync(join(src, sourceOf(file))))).toEqual([]);
  });

  it('gives every entry to resolvers that know no `exports`', () => {
    const { '.': core, './package.json': _itself, ...others } = manifest.exports;
    const expected = Object.entries(others).map(([entry, target]) => [entry.slice('./'.length), [cjs(target).types]]);
    expect(manifest.typesVersions['*']).toEqual(Object.fromEntries(expected));
    expect({ types: manifest.types, default: manifest.main }).toEqual(cjs(core));
  });

  it('lets Node.js take the ESM build of every entry, imported or required, and others the CommonJS build', () => {
    const { './package.json': _itself, ...modules } = manifest.exports;
    for (const [entry, conditions] of Object.entries(modules)) {
      const file = join(entry, 'index').replaceAll('\\', '/');
      const esm = { types: `./${file}.d.ts`, default: `./${file}.js` };
      const expected = { 'module-sync': esm, import: esm, require: cjs(conditions) };
      // The order decides: the first condition that a tool knows is taken.
      expect(Object.entries(conditions)).toEqual(Object.entries(expected));
      expect(cjs(conditions)).toEqual({ types: `./cjs/${file}.d.ts`, default: `./cjs/${file}.js` });
    }
  });

  it('has the version of the newest entry in the changelog', () => {
    const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
    expect(/^## \[(\d[^\]]*)\] - \d{4}-\d{2}-\d{2}$/m.exec(changelog)?.[1]).toBe(manifest.version);
  });
});

describe('The reading of ranges in this test', () => {
  it.each([
    ['12.5.1', '^11.0.0 || ^12.0.0', true],
    ['13.0.0', '^11.0.0 || ^12.0.0', false],
    ['7.30.1', '^7.30.2', false],
    ['7.31.0', '^7.30.2', true],
    ['0.2.2', '^0.1.12 || ^0.2.0', true],
    ['0.3.0', '^0.1.12 || ^0.2.0', false],
    ['0.15.1', '>=0.14.0', true],
    ['0.13.9', '>=0.14.0', false],
  ])('%s in %s: %s', (version, range, expected) => {
    expect(satisfies(version, range)).toBe(expected);
  });
});

/** The sources that are compiled into the package. */
function sources(): string[] {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => /\.c?ts$/.test(file) && !/\.(spec|fixture)\.ts$/.test(file))
    .map((file) => join(src, file));
}

function importsOf(file: string): string[] {
  // With what `require` and `import()` take.
  const { importedFiles } = ts.preProcessFile(readFileSync(file, 'utf8'), true, true);
  return importedFiles.map(({ fileName }) => fileName);
}

/** Names of the packages that a source imports, `undici` for `undici/types`; not those of Node.js. */
function packagesOf(file: string): string[] {
  const bare = importsOf(file).filter((specifier) => !specifier.startsWith('.') && !isBuiltin(specifier));
  return bare.map((specifier) => /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier);
}

/** `entry` and every source that it imports, directly or not. */
function reachedFrom(entry: string, reached = new Set<string>()): Set<string> {
  if (reached.has(entry)) return reached;
  reached.add(entry);
  for (const specifier of importsOf(entry).filter((name) => name.startsWith('.'))) {
    reachedFrom(join(dirname(entry), sourceOf(specifier)), reached);
  }
  return reached;
}

function sourceOf(output: string): string {
  return output
    .replace(/^\.\/cjs\//, './')
    .replace(/(\.d\.ts|\.js)$/, '.ts')
    .replace(/\.cjs$/, '.cts');
}

/** The sources of the entries, from `src`. */
function entrySources(): string[] {
  return readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => /(^|\/)index\.ts$/.test(file));
}

/** What an entry is for a tool that requires CommonJS. */
function cjs(target: Manifest['exports'][string] | undefined) {
  const conditions = typeof target === 'object' ? target['require'] : undefined;
  if (conditions === undefined) throw new Error('An entry has no condition `require`');
  return conditions;
}

function leaves(value: unknown): string[] {
  return typeof value === 'string' ? [value] : Object.values(value as object).flatMap(leaves);
}

/** Caret and `>=` ranges of whole versions, which are all that the manifest has. */
function satisfies(version: string, range: string): boolean {
  return range.split(' || ').some((part) => {
    const [, operator, lowest = ''] = /^(\^|>=)(\d+\.\d+\.\d+)$/.exec(part) ?? [];
    const [given, least] = [version, lowest].map((text) => text.split('.').map(Number));
    if (operator === undefined || given === undefined || least === undefined) throw new Error(`What is ${part}?`);
    const changed = given.findIndex((number, index) => number !== least[index]);
    if (changed === -1) return true;
    const isAbove = Number(given[changed]) > Number(least[changed]);
    // A caret keeps the first number that is not 0, and those before it.
    return isAbove && (operator === '>=' || changed > least.findIndex((number) => number !== 0));
  });
}

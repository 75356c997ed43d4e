import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BLOCKS } from './blocks.js';
import { type Fence, ROOT } from './markdown.js';

interface Manifest {
  name: string;
  bin: Record<string, string>;
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
}

const library = readManifest('libs/mimc/package.json');
const workspace = readManifest('package.json');
const built = join(BLOCKS, 'node_modules/nestjs-mimc');

/** Builds the package, once, where the applications of the pages find it. The other packages are those of the repository. */
export function buildPackage(): void {
  if (existsSync(join(built, 'package.json'))) return;
  const project = join(ROOT, 'libs/mimc/tsconfig.lib.json');
  // `npm run check:types` looks at the types.
  execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['--project', project, '--outDir', built, '--noCheck']);
  copyFileSync(join(ROOT, 'libs/mimc/package.json'), join(built, 'package.json'));
}

/** A script with the command of the package in place of npx, which would ask the registry. `test:consumers` has it ask. */
export function withBuiltBin(script: string): string {
  const bin = join(built, library.bin['mimc-emulator'] ?? '');
  return script.replaceAll('npx -p nestjs-mimc mimc-emulator', `node ${bin}`);
}

/** The commands of a block, without comments. */
export function commandsOf({ code }: Fence): string[] {
  const lines = code.split('\n').map((line) => line.replace(/\s+#.*$/, ''));
  return lines.flatMap((line) => line.split(' && ')).filter((command) => command !== '');
}

/**
 * What would not install: packages that a command installs and that are neither the package itself nor known here, by
 * which they are installed. The commands are not run, as they need the registry; `test:consumers` installs for real.
 */
export function unknownPackages(commands: readonly string[]): string[] {
  const known = { ...workspace.dependencies, ...workspace.devDependencies, [library.name]: '', typescript: '' };
  const installed = commands.flatMap((command) => /^npm i (?:-D )?(.+)$/.exec(command)?.[1]?.split(' ') ?? []);
  return installed.filter((name) => !(name.replace(/(?<=.)@[\d.]+$/, '') in known));
}

/** Peers of the package that an application must have and that the commands do not install. */
export function missingPeers(commands: readonly string[], optional: readonly string[] = []): string[] {
  return Object.keys(library.peerDependencies).filter(
    (peer) => !optional.includes(peer) && !commands.some((command) => command.split(' ').includes(peer)),
  );
}

/** Peers that only some entries need. */
export const OPTIONAL_PEERS = Object.keys(
  (library as unknown as { peerDependenciesMeta: object }).peerDependenciesMeta,
);

/** npm scripts that a block runs and the workspace does not have. */
export function unknownScripts(commands: readonly string[]): string[] {
  const own = new Set(['ci', 'i', 'init', 'pkg', 'install']);
  const named = commands.flatMap((command) => /^npm (?:run )?([\w:]+)/.exec(command)?.[1] ?? []);
  return named.filter((name) => !own.has(name) && !(name in workspace.scripts));
}

function readManifest(path: string): Manifest {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as Manifest;
}

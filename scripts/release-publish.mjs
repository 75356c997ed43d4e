/**
 * `npm run release:publish`: packs the library, publishes that tarball with provenance and tags the commit. Does nothing
 * when the registry has this version already. For a workflow: provenance needs its identity.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const { name, version, repository } = JSON.parse(readFileSync(join(root, 'libs/mimc/package.json'), 'utf8'));

if (repository === undefined) {
  process.stderr.write('libs/mimc/package.json needs `repository`: npm checks the provenance against it\n');
  process.exitCode = 1;
} else if (isPublished()) {
  process.stdout.write(`${name}@${version} is published already\n`);
} else {
  run('npm', 'run', 'package');
  run('npm', 'publish', join(root, 'dist/nestjs-mimc.tgz'), '--provenance', '--access', 'public');
  // The workflow reads its line `New tag: ...` to push that tag.
  run('npx', '--no', '--', 'changeset', 'tag');
}

function isPublished() {
  const { status, stdout } = spawnSync('npm', ['view', `${name}@${version}`, 'version', '--json'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status === 0) return stdout.trim() !== '';
  if (JSON.parse(stdout || '{}').error?.code === 'E404') return false;
  throw new Error(`The registry did not say whether ${name}@${version} is published`);
}

function run(command, ...args) {
  execFileSync(command, args, { cwd: root, stdio: 'inherit' });
}

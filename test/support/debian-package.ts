import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A program of a Debian package that tests run. */
export interface DebianProgram {
  readonly debianPackage: string;
  readonly isThere: () => boolean;
  /** What a developer can do, beginning with a verb. */
  readonly hint: string;
}

/**
 * Makes sure that a program is there. In CI, on Debian as root, it installs the package; nowhere else, as a machine belongs
 * to its owner.
 *
 * @throws Error that says how to get the program
 */
export function needProgram({ debianPackage, isThere, hint }: DebianProgram): void {
  if (isThere()) return;
  if (process.env['CI'] !== undefined && process.getuid?.() === 0 && isDebian()) {
    process.stderr.write(`Installing the Debian package ${debianPackage}\n`);
    // Several processes may come here at the same time.
    const install = `apt-get update -qq && apt-get install -y -qq --no-install-recommends ${debianPackage}`;
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    spawnSync('flock', ['/tmp/nestjs-mimc-install.lock', 'sh', '-c', install], {
      env,
      stdio: ['ignore', 2, 'inherit'],
    });
    if (isThere()) return;
  }
  throw new Error(`These tests need ${debianPackage}: ${hint}`);
}

function isDebian(): boolean {
  try {
    return /^ID(_LIKE)?=.*debian/m.test(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return false;
  }
}

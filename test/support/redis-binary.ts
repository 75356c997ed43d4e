import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Waits for its turn, as several test processes may come here together, and looks again before it installs. */
const INSTALL = `flock /tmp/nestjs-mimc-redis-install.lock sh -c '
  command -v redis-server ||
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server; }'`;

/** Whether a `redis-server` is on the PATH. */
export function hasRedisServer(): boolean {
  return spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0;
}

/**
 * Makes sure that a `redis-server` is on the PATH. On Debian, as root, it installs the package and says so.
 *
 * @throws Error that says how to get one
 */
export async function needRedisServer(): Promise<void> {
  if (hasRedisServer()) return;
  if (isDebian() && process.getuid?.() === 0) {
    process.stderr.write('No redis-server on the PATH: installing the Debian package redis-server with apt-get\n');
    await run('sh', ['-c', INSTALL]);
    if (hasRedisServer()) return;
  }
  throw new Error(
    'These tests need a Redis: set REDIS_URL, or put a redis-server on the PATH (`apt install redis-server`, `brew install redis`).',
  );
}

function isDebian(): boolean {
  try {
    return /^ID(_LIKE)?=.*debian/m.test(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return false;
  }
}

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const DEBIAN = '/usr/bin/chromium';

/** Looks again once it is its turn, as others may install it at the same time. */
const INSTALL = `flock /tmp/nestjs-mimc-chromium-install.lock sh -c '
  test -x ${DEBIAN} ||
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; }'`;

/**
 * Makes sure that there is a Chromium. On Debian, as root, it installs the package and says so.
 *
 * @throws Error that says how to get one
 */
export default function needChromium(): void {
  if (existsSync(process.env['CHROMIUM'] ?? DEBIAN)) return;
  if (process.env['CHROMIUM'] === undefined && isDebian() && process.getuid?.() === 0) {
    process.stderr.write(`No ${DEBIAN}: installing the Debian package chromium with apt-get\n`);
    execFileSync('sh', ['-c', INSTALL], { stdio: ['ignore', 'ignore', 'inherit'] });
    if (existsSync(DEBIAN)) return;
  }
  throw new Error(
    'These tests need a Chromium: `apt install chromium`, or set CHROMIUM to the path of a Chromium or Chrome.',
  );
}

function isDebian(): boolean {
  try {
    return /^ID(_LIKE)?=.*debian/m.test(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return false;
  }
}

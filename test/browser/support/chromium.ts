import { existsSync } from 'node:fs';
import { needProgram } from '../../support/debian-package.js';

/**
 * Makes sure that there is a Chromium.
 *
 * @throws Error that says how to get one
 */
export default function needChromium(): void {
  needProgram({
    debianPackage: 'chromium',
    isThere: () => existsSync(process.env['CHROMIUM'] ?? '/usr/bin/chromium'),
    hint: 'install it (`sudo apt install chromium`), or set CHROMIUM to the path of a Chromium or Chrome.',
  });
}

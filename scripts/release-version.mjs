/**
 * `npm run release:version`: takes the changes that wait in .changeset/, sets the next version in libs/mimc/package.json
 * and moves their sentences to CHANGELOG.md, under the headings of Keep a Changelog.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const HEADINGS = { 'Major Changes': 'Changed', 'Minor Changes': 'Added', 'Patch Changes': 'Fixed' };

const root = join(import.meta.dirname, '..');
const changelog = join(root, 'CHANGELOG.md');
/** Where Changesets writes. Its GitHub action reads it too, so it stays, out of Git, until the next time. */
const written = join(root, 'libs/mimc/CHANGELOG.md');

rmSync(written, { force: true });
execFileSync('npx', ['--no', '--', 'changeset', 'version'], { cwd: root, stdio: 'inherit' });
if (existsSync(written)) {
  writeFileSync(changelog, withSection(readFileSync(changelog, 'utf8'), sectionOf(readFileSync(written, 'utf8'))));
}

/** What Changesets wrote for the new version, in the words of our changelog. */
function sectionOf(text) {
  const today = new Date().toISOString().slice(0, 'YYYY-MM-DD'.length);
  return text
    .slice(text.indexOf('## '))
    .replace(/^## (.+)$/m, `## [$1] - ${today}`)
    .replaceAll(/^### (.+)$/gm, (_line, heading) => `### ${HEADINGS[heading] ?? heading}`)
    .trim();
}

/** The newest section comes first. */
function withSection(text, section) {
  const newest = text.indexOf('## [');
  return `${text.slice(0, newest)}${section}\n\n${text.slice(newest)}`;
}

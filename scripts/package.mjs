/**
 * `npm run package`: builds the library twice, ESM and CommonJS, and packs both into dist/nestjs-mimc.tgz, exactly what
 * would be published. Refuses a tarball that lacks a file it should hold, or holds one that has no business there, or
 * whose entries some resolver would take wrongly.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const root = join(import.meta.dirname, '..');
const library = join(root, 'libs/mimc');
const dist = join(root, 'dist');
const built = join(dist, 'nestjs-mimc');
const tarball = join(dist, 'nestjs-mimc.tgz');

/** The command `mimc-emulator` and what reads its arguments. */
const ESM_ONLY = 'testing/emulator/cli';

const manifest = JSON.parse(readFileSync(join(library, 'package.json'), 'utf8'));

try {
  build();
  const { files, size } = pack();
  const problems = problemsOf(files);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  judgeEntries();
  process.stdout.write(`dist/nestjs-mimc.tgz: ${files.length} files, ${Math.ceil(size / 1024)} kB\n`);
} catch (error) {
  rmSync(tarball, { force: true });
  process.stderr.write(`No tarball:\n${error.message}\n`);
  process.exitCode = 1;
}

function build() {
  for (const stale of [built, tarball]) rmSync(stale, { recursive: true, force: true });
  run('nest', 'build', 'mimc');
  run('nest', 'build', 'mimc', '--path', 'libs/mimc/tsconfig.cjs.json');
  writeFileSync(join(built, 'cjs/package.json'), `${JSON.stringify({ type: 'commonjs' }, null, 2)}\n`);
  copyFileSync(join(library, 'package.json'), join(built, 'package.json'));
  for (const file of pages()) cpSync(join(root, file), join(built, file));
  for (const file of Object.values(manifest.bin)) chmodSync(join(built, file), 0o755);
}

/** Packs what was built; the paths of the files inside, and the size of the tarball in bytes. */
function pack() {
  const command = ['pack', built, '--pack-destination', dist, '--json'];
  const [packed] = JSON.parse(execFileSync('npm', command, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }));
  renameSync(join(dist, packed.filename), tarball);
  return { files: packed.files.map(({ path }) => path), size: packed.size };
}

/** Resolves every entry as each kind of tool does; publint and attw print what they find and end with an error. */
function judgeEntries() {
  run('publint', 'run', tarball, '--strict');
  run('attw', tarball, '--format', 'ascii', '--no-emoji');
}

function run(command, ...args) {
  execFileSync('npx', ['--no', '--', command, ...args], { cwd: root, stdio: 'inherit' });
}

function problemsOf(packed) {
  const expected = ['package.json', 'cjs/package.json', ...pages(), ...outputs()];
  return [
    ...without(packed, expected).map((file) => `it would hold ${file}, which does not belong there`),
    ...without(expected, packed).map((file) => `it would lack ${file}`),
    ...without(promised(), packed).map((file) => `package.json names ${file}, which it would lack`),
    ...without(linked(), packed).map((file) => `its pages link to ${file}, which it would lack`),
  ];
}

/** What people read, in all languages, with the pictures. */
function pages() {
  const docs = readdirSync(join(root, 'docs'), { encoding: 'utf8', recursive: true }).filter(
    (file) => /\.(md|png|svg)$/.test(file) && !/^(api|\.vitepress)\//.test(file),
  );
  return ['README.md', 'README.zh-CN.md', 'LICENSE', 'CHANGELOG.md', ...docs.map((file) => `docs/${file}`)];
}

/** Every file of this repository to which one of those pages links. */
function linked() {
  const markdown = pages().filter((file) => file.endsWith('.md'));
  return markdown.flatMap((page) => {
    const text = readFileSync(join(root, page), 'utf8').replaceAll(/^ *```[^]*?^ *```$|`[^`\n]*`/gm, '');
    const targets = [...text.matchAll(/\]\(([^()\s#]+)/g)].map(([, target]) => target);
    return targets.filter((target) => !/^\w+:/.test(target)).map((target) => normalize(join(dirname(page), target)));
  });
}

/** What the two builds make of each source that is not a test. */
function outputs() {
  const files = readdirSync(join(library, 'src'), { recursive: true });
  const sources = files.filter((file) => /\.c?ts$/.test(file) && !/\.(spec|fixture)\.ts$/.test(file));
  const esm = sources.flatMap((file) => [file.replace(/ts$/, 'js'), file.replace(/\.(c?ts)$/, '.d.$1')]);
  return [...esm, ...esm.filter((file) => !file.startsWith(ESM_ONLY)).map((file) => `cjs/${file}`)];
}

/** Every file that the manifest names. */
function promised() {
  const leaves = (value) => (typeof value === 'string' ? [value] : Object.values(value).flatMap(leaves));
  const { main, types, bin, exports: entries, typesVersions } = manifest;
  return leaves([main, types, bin, entries, typesVersions]).map((path) => path.replace(/^\.\//, ''));
}

function without(some, others) {
  const set = new Set(others);
  return some.filter((file) => !set.has(file));
}

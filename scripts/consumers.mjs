/**
 * `npm run test:consumers`: installs dist/nestjs-mimc.tgz into new applications outside the repository, as its users
 * do, and runs them: scripts/consumers/<name> holds what differs between them, scripts/consumers/main.ts what they do.
 * Prints a line for each check. Whatever happens, no process and no folder stays behind.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const INSTALL_MS = 240_000;
const STEP_MS = 180_000;

/** How long an application may take to end once it has closed everything. */
const EXIT_MS = 3_000;

const SHARED_PEERS = ['@opentelemetry/api@1.9.1'];

/** Compilers that take the types under every strict flag, besides those of the applications: the oldest, some between, the newest. */
const COMPILERS = ['5.4.5', '5.6.3', '5.9.3', '7.0.2'];

/**
 * The applications, the flags of Node.js that their jest needs, and what only some entries of the package need: installed
 * last, so that the rest works without.
 */
const consumers = [
  {
    name: 'nest12-esm',
    jest: ['--experimental-vm-modules'],
    optionalPeers: [
      ...SHARED_PEERS,
      '@nestjs/swagger@12.0.2',
      '@nestjs/terminus@12.1.0',
      'bullmq@6.7.0',
      'ioredis@6.0.0',
    ],
  },
  {
    name: 'nest11-cjs',
    jest: [],
    optionalPeers: [
      ...SHARED_PEERS,
      '@nestjs/swagger@11.0.0',
      '@nestjs/terminus@11.1.1',
      'bullmq@5.74.0',
      'ioredis@5.9.2',
    ],
  },
];

const fixtures = join(import.meta.dirname, 'consumers');
const tarball = join(import.meta.dirname, '../dist/nestjs-mimc.tgz');
const workshop = mkdtempSync(join(tmpdir(), 'nestjs-mimc-consumers-'));
const running = new Set();

process.once('exit', cleanUp);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

try {
  if (!existsSync(tarball)) throw new Error('dist/nestjs-mimc.tgz is missing: run `npm run package` first');
  const applications = await Promise.all(consumers.map(installed));
  for (const application of applications) await tryOut(application);
  await Promise.all(applications.map(tryEntries));
  await tryCompilers(applications[0]);
  await tryEmulator(applications[0]);
} catch (error) {
  process.stderr.write(`FAILED: ${error.message}\n`);
  // Not exitCode: another installation may still be running.
  process.exit(1);
}

/** A new folder with the application, its dependencies and the tarball installed. */
async function installed({ name, jest, optionalPeers }) {
  const cwd = join(workshop, name);
  cpSync(join(fixtures, name), cwd, { recursive: true });
  mkdirSync(join(cwd, 'src'));
  for (const source of ['main.ts', 'push.spec.ts']) copyFileSync(join(fixtures, source), join(cwd, 'src', source));
  for (const script of ['entries.mjs', 'feature.cjs', 'missing.mjs', 'mixed.mjs'])
    copyFileSync(join(fixtures, script), join(cwd, script));
  // Peers that do not fit end the installation: npm's ERESOLVE.
  await install({ cwd }, tarball);
  report(name, 'the tarball and its peers install');
  return { name, cwd, jest, optionalPeers };
}

async function tryOut({ name, cwd, jest }) {
  await run({ cwd }, 'npx', '--no', '--', 'tsc');
  report(name, 'its types compile');
  await tryTypes({ name, cwd }, 'tsconfig.libs.json');
  for (const platform of ['express', 'fastify']) await tryApplication({ name: `${name} ${platform}`, cwd }, platform);
  for (const line of linesOf(await run({ cwd }, process.execPath, 'mixed.mjs'))) report(`${name} with both`, line);
  for (const line of linesOf(await run({ cwd }, process.execPath, 'missing.mjs'))) report(name, line);
  await tryJest({ name, cwd, jest }, 'push.spec.ts');
}

async function tryEntries({ name, cwd, jest, optionalPeers }) {
  await install({ cwd }, ...optionalPeers);
  for (const line of linesOf(await run({ cwd }, process.execPath, 'entries.mjs'))) report(name, line);
  copyFileSync(join(fixtures, 'entries.spec.ts'), join(cwd, 'src/entries.spec.ts'));
  const variants = readdirSync(cwd).filter((file) => /^tsconfig\..+\.json$/.test(file));
  for (const variant of variants) await tryTypes({ name: `${name} with optional peers`, cwd }, variant);
  cpSync(join(fixtures, 'strict'), join(cwd, 'strict'), { recursive: true });
  copyFileSync(join(fixtures, 'tsconfig.strict.json'), join(cwd, 'tsconfig.strict.json'));
  await tryTypes({ name, cwd }, 'tsconfig.strict.json');
  await tryJest({ name, cwd, jest }, 'entries.spec.ts');
}

/** With a variant of the application's tsconfig.json: as another resolver takes the types, or reading those of libraries. */
async function tryTypes({ name, cwd }, variant) {
  await run({ cwd }, 'npx', '--no', '--', 'tsc', '--noEmit', '--project', variant);
  report(name, `its types compile with ${variant}`);
}

/** As a module that is imported as it stands: `verbatimModuleSyntax` is for ES modules. */
async function tryCompilers({ name, cwd }) {
  await install({ cwd }, ...COMPILERS.map((version) => `typescript-${version}@npm:typescript@${version}`));
  for (const version of COMPILERS) {
    const tsc = join('node_modules', `typescript-${version}`, 'bin/tsc');
    await run({ cwd }, process.execPath, tsc, '--project', 'tsconfig.strict.json', '--verbatimModuleSyntax');
    report(name, `its types compile under every strict flag with TypeScript ${version}`);
  }
}

async function tryJest({ name, cwd, jest }, spec) {
  const { stderr } = await run({ cwd }, process.execPath, ...jest, 'node_modules/jest/bin/jest.js', '--ci', spec);
  report(`${name} jest ${spec}`, /^Tests: .*$/m.exec(stderr)?.[0] ?? 'no summary');
}

async function install({ cwd }, ...packages) {
  const flags = ['--no-audit', '--no-fund', '--prefer-offline'];
  await run({ cwd, timeoutMs: INSTALL_MS }, 'npm', 'install', ...flags, ...packages);
}

async function tryApplication({ name, cwd }, platform) {
  const { stdout, stderr, idleMs } = await run({ cwd }, process.execPath, 'dist/main.js', platform);
  for (const line of linesOf({ stdout })) report(name, line);
  if (stderr !== '') throw new Error(`${name} wrote to stderr:\n${stderr}`);
  // Its last line says that it closed.
  if (idleMs > EXIT_MS) throw new Error(`${name} ended only ${idleMs} ms after it closed`);
  report(name, `it ends by itself, ${idleMs} ms later`);
}

/** The four requests of the vendor's document (mimc-api.md §1) to the emulator's own command. */
async function tryEmulator({ name, cwd }) {
  const port = await freePort();
  const args = ['--no', '--package', 'nestjs-mimc', '--', 'mimc-emulator', '--port', String(port)];
  const emulator = start({ cwd }, 'npx', ...args);
  try {
    const banner = await untilPrinted(emulator, 'Ctrl+C');
    const value = (key) => new RegExp(`${key} +(\\S+)`).exec(banner)?.[1];
    const credentials = { appId: value('appId'), appKey: value('appKey'), appSecret: value('appSecret') };
    const message = { fromAccount: 'shop', fromResource: 'mi5', msg: 'hello', msgType: '' };
    const requests = {
      'p2p/': { toAccount: 'alice' },
      'p2p/more': { toAccounts: ['alice', 'bob'] },
      'p2t/': { topicId: 21_351_198_708_203_520 },
      'p2t/more': { topicIds: [21_351_198_708_203_520, 21_351_318_774_349_824] },
    };
    for (const [path, recipients] of Object.entries(requests)) {
      const url = `http://127.0.0.1:${port}/api/push/${path}`;
      const reply = JSON.parse(await curl(url, JSON.stringify({ ...credentials, ...message, ...recipients })));
      const ids = path.endsWith('more') ? reply.data?.packetIds : [reply.data?.packetId];
      const count = Object.values(recipients).flat().length;
      const isAccepted = reply.code === 200 && ids?.length === count && ids.every((id) => typeof id === 'string');
      if (!isAccepted) throw new Error(`curl ${path} was answered ${JSON.stringify(reply)}`);
      report(`${name} mimc-emulator`, `curl ${path} is answered with ${count === 1 ? 'a packetId' : 'packetIds'}`);
    }
  } finally {
    await stop(emulator);
  }
  report(`${name} mimc-emulator`, 'it stops on a signal');
}

async function curl(url, body) {
  const header = 'Content-Type: application/json';
  try {
    return (await run({ cwd: workshop }, 'curl', '-sS', url, '-XPOST', '-d', body, '-H', header)).stdout;
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    const [name, value] = header.split(': ');
    const response = await fetch(url, { method: 'POST', body, headers: { [name]: value } });
    return response.text();
  }
}

/** Runs a command to its end. `idleMs` is how long it took to end after the last it wrote. */
async function run({ cwd, timeoutMs = STEP_MS }, command, ...args) {
  const process = start({ cwd }, command, ...args);
  const timer = setTimeout(() => signalGroup(process, 'SIGKILL'), timeoutMs);
  try {
    const { code, signal } = await process.ended;
    const { stdout, stderr, wroteAt } = process;
    if (code === 0) return { stdout, stderr, idleMs: Math.round(performance.now() - wroteAt) };
    const how = signal === null ? `ended with ${code}` : `was ended by ${signal} after at most ${timeoutMs} ms`;
    throw new Error(`\`${[command, ...args].join(' ')}\` ${how}\n${stdout}${stderr}`);
  } finally {
    clearTimeout(timer);
  }
}

/** Starts a command in a process group of its own, so that what it starts can be ended with it. */
function start({ cwd }, command, ...args) {
  const child = spawn(command, args, { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const started = { child, stdout: '', stderr: '', wroteAt: performance.now() };
  for (const stream of ['stdout', 'stderr']) {
    child[stream].setEncoding('utf8').on('data', (text) => {
      started[stream] += text;
      started.wroteAt = performance.now();
    });
  }
  running.add(started);
  started.ended = once(child, 'close')
    .then(([code, signal]) => ({ code, signal }))
    .finally(() => running.delete(started));
  return started;
}

/** What it printed, once `text` is in it. */
async function untilPrinted(started, text) {
  while (!started.stdout.includes(text)) {
    const ended = await Promise.race([
      once(started.child.stdout, 'data').then(() => false),
      started.ended.then(() => true),
    ]);
    if (ended) throw new Error(`It ended without printing ${text}\n${started.stdout}${started.stderr}`);
  }
  return started.stdout;
}

async function stop(started) {
  signalGroup(started, 'SIGTERM');
  const timer = setTimeout(() => signalGroup(started, 'SIGKILL'), EXIT_MS);
  const { signal } = await started.ended;
  clearTimeout(timer);
  if (signal === 'SIGKILL') throw new Error(`It did not stop within ${EXIT_MS} ms`);
}

function signalGroup({ child }, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended already.
  }
}

function cleanUp() {
  for (const started of running) signalGroup(started, 'SIGKILL');
  rmSync(workshop, { recursive: true, force: true, maxRetries: 3 });
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

function linesOf({ stdout }) {
  return stdout.split('\n').filter((line) => line !== '');
}

function report(name, what) {
  process.stdout.write(`ok  ${name}: ${what}\n`);
}

/**
 * Runs jest with a temporary folder of its own, and ends a run that makes no progress: `npm test -- <arguments of jest>`.
 *
 * A test that never yields starves the limits that jest sets it, so the clock has to run in another process. The reporter
 * in test/support/progress-reporter.mjs sends a message whenever a suite or a test begins or ends.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Longer than the longest test on a machine that is four times too busy. */
const SILENCE_MS = Number(process.env.TEST_SILENCE_MS || 300_000);

const jest = join(dirname(createRequire(import.meta.url).resolve('jest/package.json')), 'bin/jest.js');
const jestArguments = process.argv.slice(2);
// Watching needs the terminal's keys, which only the foreground process group gets, and a person is there to end it.
const isWatched = jestArguments.some((argument) => argument.startsWith('--watch'));
const folder = mkdtempSync(join(tmpdir(), 'nestjs-mimc-tests-'));

const run = spawn(process.execPath, ['--experimental-vm-modules', jest, ...jestArguments], {
  stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  env: { ...process.env, TMPDIR: folder, ...(isWatched ? {} : { TEST_GROUP_LEADER: '1' }) },
  detached: !isWatched,
});

const running = new Map();
let silence;
run.on('message', ({ suite, test, isOver }) => {
  if (isOver && test === undefined) running.delete(suite);
  else running.set(suite, isOver ? undefined : test);
  startSilence();
});
startSilence();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(signal));
run.on('exit', (code, signal) => {
  clearTimeout(silence);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
});

function startSilence() {
  clearTimeout(silence);
  if (!isWatched) silence = setTimeout(endSilentRun, SILENCE_MS);
}

function endSilentRun() {
  const names = [...running].map(([suite, test]) => `  ${suite}${test === undefined ? '' : `: ${test}`}`);
  process.stderr.write(
    `\nNo progress for ${SILENCE_MS / 1_000} s. Ending the run. Still running:\n${names.join('\n') || '  no suite'}\n`,
  );
  end('SIGKILL');
}

/** Signals jest and its workers alike. */
function end(signal) {
  const { pid } = run;
  if (pid === undefined) return;
  try {
    process.kill(isWatched ? pid : -pid, signal);
  } catch {
    // It has already ended.
  }
}

import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const ROOT = process.cwd();

/** Runs `npm test` on one spec file of these lines, with the project's own reporter and environment. */
async function runTests(lines: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  const rootDir = join(tmpdir(), 'project');
  mkdirSync(rootDir, { recursive: true });
  writeFileSync(join(rootDir, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(rootDir, 'one.spec.js'), lines.join('\n'));
  const config = {
    rootDir,
    testEnvironment: join(ROOT, 'test/support/environment.mjs'),
    reporters: ['default', join(ROOT, 'test/support/progress-reporter.mjs')],
    workerIdleMemoryLimit: '400MB',
    transform: {},
  };
  const args = [join(ROOT, 'scripts/test.mjs'), '--config', JSON.stringify(config)];
  return new Promise<{ code: unknown; stderr: string }>((resolve) => {
    execFile(process.execPath, args, { env: { ...process.env, ...environment } }, (error, _stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stderr });
    });
  });
}

describe('A run of the tests', () => {
  it('that never yields is ended from outside, with the names of suite and test', async () => {
    const { code, stderr } = await runTests(["describe('a suite', () => test('that spins', () => { for (;;); }));"], {
      TEST_SILENCE_MS: '4000',
    });
    expect(stderr).toMatch(/No progress for 4 s[^]*one\.spec\.js: a suite that spins/);
    expect(code).not.toBe(0);
  });

  it('has a temporary folder for each suite, and leaves none', async () => {
    const before = new Set([...readdirSync(tmpdir()), 'project', 'seen.txt']);
    const seen = join(tmpdir(), 'seen.txt');
    const { code } = await runTests([
      "import { mkdtempSync, writeFileSync } from 'node:fs';",
      "import { tmpdir } from 'node:os';",
      "import { join } from 'node:path';",
      `test('writes', () => writeFileSync(${JSON.stringify(seen)}, mkdtempSync(join(tmpdir(), 'left-'))));`,
    ]);
    expect(code).toBe(0);
    expect(new Set(readdirSync(tmpdir()))).toEqual(before);
  });
});

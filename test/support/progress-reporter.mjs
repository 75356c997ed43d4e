import { relative } from 'node:path';

/** Reports the suites and tests that run to the process that started jest: scripts/test.mjs. */
export default class ProgressReporter {
  #root;

  constructor({ rootDir }) {
    this.#root = rootDir;
    // Without that process nobody ends a run that hangs.
    if (process.env.TEST_GROUP_LEADER) {
      process.once('disconnect', () => process.kill(-process.pid, 'SIGKILL')).channel.unref();
    }
  }

  onTestFileStart({ path }) {
    this.#send(path, { isOver: false });
  }

  onTestCaseStart({ path }, { fullName }) {
    this.#send(path, { test: fullName, isOver: false });
  }

  onTestCaseResult({ path }, { fullName }) {
    this.#send(path, { test: fullName, isOver: true });
  }

  onTestFileResult({ path }) {
    this.#send(path, { isOver: true });
  }

  #send(path, progress) {
    if (process.connected) process.send({ suite: relative(this.#root, path), ...progress });
  }
}

import { randomUUID } from 'node:crypto';

/** Gives this run of jest an id, which all suites see. */
export default function setRunId() {
  process.env.TEST_RUN_ID = randomUUID();
}

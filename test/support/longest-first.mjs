import Sequencer from '@jest/test-sequencer';

/** Suites that build or start processes, the longest first. jest goes by the size of the files in a fresh clone. */
const LONGEST = [
  'test/docs/pages.spec.ts',
  'test/push/chaos.spec.ts',
  'test/redis/queue-chaos.spec.ts',
  'test/redis/queue-crash.spec.ts',
  'test/redis/queue-producer-crash.spec.ts',
  'test/processes/stopping.spec.ts',
];

/** Starts the longest suites first, so that a run does not end with one of them alone. */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    return tests.toSorted((one, other) => rankOf(one) - rankOf(other));
  }
}

function rankOf({ path }) {
  const rank = LONGEST.findIndex((suite) => path.endsWith(suite));
  return rank === -1 ? LONGEST.length : rank;
}

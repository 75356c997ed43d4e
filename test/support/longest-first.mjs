import Sequencer from '@jest/test-sequencer';

/** Suites that take longest, first of all. jest goes by their size until it has timed them: never in a fresh clone. */
const LONGEST = [
  'test/docs/pages.spec.ts',
  'test/push/chaos.spec.ts',
  'test/redis/queue-crash.spec.ts',
  'test/processes/stopping.spec.ts',
];

/** Starts the longest suites first, so that a run does not end with one of them alone. */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    const isLong = ({ path }) => LONGEST.some((suite) => path.endsWith(suite));
    // Not `super.sort(tests)`, which lint takes for the method of an array.
    const sorted = Reflect.apply(super.sort, this, [tests]);
    return [...sorted.filter(isLong), ...sorted.filter((test) => !isLong(test))];
  }
}

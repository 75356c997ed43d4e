/** Examples of a body by their names. */
export type Examples = Record<string, { summary: string; value: object }>;

const progress = { accepted: 0, refused: 0, notSent: 0, unknown: 0, invalid: 0, duplicates: 0 };

const begun = {
  id: 'spring-sale',
  kind: 'accounts',
  state: 'running',
  total: 100_000,
  progress: { read: 0, ...progress },
  failures: [],
  failuresOmitted: 0,
  createdAt: '2026-01-01T12:00:00.000Z',
};

const failure = {
  offset: 3_990,
  recipients: ['user-3990', 'user-3991'],
  outcome: 'unknown',
  code: 'MIMC_TIMEOUT',
  message: 'MIMC did not reply within 10000 ms',
  at: '2026-01-01T12:01:20.000Z',
};

const inProgress = {
  ...begun,
  progress: { ...progress, read: 4_080, accepted: 4_000, unknown: 10 },
  failures: [failure],
};

const { failures: _failures, failuresOmitted: _omitted, ...listed } = inProgress;

/** The list of broadcasts. */
export const broadcastList: Examples = {
  list: { summary: 'One is running', value: { broadcasts: [listed], omitted: 0 } },
};

/** A file of failures. */
export const failuresExample = `${JSON.stringify(failure)}\n`;

/** States of a broadcast. */
export const broadcastExamples = {
  begun: { summary: 'Started', value: begun },
  running: { summary: 'Running', value: inProgress },
  paused: { summary: 'Paused', value: { ...inProgress, state: 'paused' } },
  cancelled: {
    summary: 'Cancelled',
    value: { ...inProgress, state: 'cancelled', finishedAt: '2026-01-01T12:01:21.000Z' },
  },
} satisfies Examples;

/** Bodies of `POST /broadcasts`. */
export const broadcastBodies: Examples = {
  accounts: {
    summary: 'To accounts',
    value: { kind: 'accounts', message: { msg: 'hello' }, recipients: ['alice', 'bob'] },
  },
  topics: {
    summary: 'To groups, with every option',
    value: {
      id: 'maintenance-2026-01',
      kind: 'topics',
      startAt: '2026-01-01T09:00:00+08:00',
      message: { msg: 'maintenance at noon', fromAccount: 'ops', isStore: true },
      recipients: ['21351198708203521', '21351198708203522'],
      options: { chunkSize: 2, concurrency: 4, dedupeWindow: 1_000, stopAfterConsecutiveFailures: 5 },
    },
  },
};

/** An event stream as sent to a client. */
export const eventsExample = `event: progress
data: ${JSON.stringify(inProgress)}

event: end
data: {"id":"spring-sale","state":"done",…}

`;

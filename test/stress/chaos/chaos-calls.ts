import { createHash } from 'node:crypto';
import type { CallReceipt, MimcPushService, PushOptions } from 'nestjs-mimc';
import type { EmulatorAudience } from 'nestjs-mimc/testing';

/** One push of a chaos run. No other call has any of its recipients, so they distinguish its messages. */
export interface ChaosCall {
  readonly endpoint: (typeof ENDPOINTS)[number];
  readonly audience: EmulatorAudience;
  readonly recipients: readonly string[];
  readonly msg: string;
  /** How its caller gives up on it, if at all. */
  readonly patience: Patience;
}

type Patience =
  | { readonly kind: 'endless' }
  /** A signal that many calls share and that is never aborted. */
  | { readonly kind: 'shared' }
  | { readonly kind: 'aborted-before' }
  | { readonly kind: 'aborted'; readonly afterMs: number }
  | { readonly kind: 'deadline'; readonly deadlineMs: number };

/** Sender of all calls, no recipient. */
export const SENDER = 'chaos-sender';

/** Finds an account, a topic or a message of these calls in a text. */
export const PRIVATE = /chaos-(?:sender|account|text)|90000000\d{11}/;

/** 19 digits, beyond what a JavaScript number can hold. */
const FIRST_TOPIC = 9_000_000_000_000_000_000n;

const ENDPOINTS = ['p2p', 'p2p/more', 'p2t', 'p2t/more'] as const;

/** Longer than one segment, so that a reset can hit the middle of a request. */
const LONG_TEXT = 'x'.repeat(9_000);

const neverAborted = new AbortController().signal;

/** Call `n` of a run: of the seed and `n` alone. */
export function chaosCall(seed: number, n: number): ChaosCall {
  const [kind = 0, size = 0, patience = 0, time = 0, length = 0] = createHash('sha256').update(`${seed}:${n}`).digest();
  const endpoint = ENDPOINTS[kind % ENDPOINTS.length] ?? 'p2p';
  const count = endpoint.endsWith('more') ? 2 + (size % 4) : 1;
  const audience = endpoint.startsWith('p2p') ? 'accounts' : 'topics';
  const name = (i: number) =>
    audience === 'accounts' ? `chaos-account-${n}-${i}` : `${FIRST_TOPIC + BigInt(n * 8 + i)}`;
  return {
    endpoint,
    audience,
    recipients: Array.from({ length: count }, (_, i) => name(i)),
    msg: `chaos-text-${n}${length < 16 ? LONG_TEXT : ''}`,
    patience: patienceOf(patience, time),
  };
}

/** One call in ten is given up by its caller, within as long as an attempt may take. */
function patienceOf(die: number, time: number): Patience {
  if (die < 3) return { kind: 'aborted-before' };
  if (die < 14) return { kind: 'aborted', afterMs: time / 2 };
  if (die < 26) return { kind: 'deadline', deadlineMs: 1 + (time >> 1) };
  return { kind: die < 100 ? 'shared' : 'endless' };
}

/** Makes the call. */
export async function sendCall(push: MimcPushService, call: ChaosCall): Promise<CallReceipt> {
  const { patience } = call;
  switch (patience.kind) {
    case 'endless':
      return post(push, call);
    case 'shared':
      return post(push, call, { signal: neverAborted });
    case 'aborted-before':
      return post(push, call, { signal: AbortSignal.abort() });
    case 'deadline':
      return post(push, call, { deadlineMs: patience.deadlineMs });
    case 'aborted': {
      const caller = new AbortController();
      const timer = setTimeout(() => caller.abort(), patience.afterMs);
      return post(push, call, { signal: caller.signal }).finally(() => clearTimeout(timer));
    }
  }
}

function post(push: MimcPushService, call: ChaosCall, options?: PushOptions): Promise<CallReceipt> {
  const { msg, recipients } = call;
  const [first = ''] = recipients;
  switch (call.endpoint) {
    case 'p2p':
      return push.toAccount({ toAccount: first, msg }, options);
    case 'p2p/more':
      return push.toAccounts({ toAccounts: [...recipients], msg }, options);
    case 'p2t':
      return push.toTopic({ topicId: first, msg }, options);
    case 'p2t/more':
      return push.toTopics({ topicIds: recipients.map(BigInt), msg }, options);
  }
}

import { randomBytes } from 'node:crypto';
import { acceptance, refusal, statusFor, type EmulatorAnswer } from './answer.js';
import { audienceOf, isBatch, type EmulatorAudience, type EmulatorPushEndpoint } from './endpoint.js';
import type { EmulatorLedger } from './ledger.js';
import type { EmulatorSettings } from './options.js';
import { EmulatorQuota } from './quota.js';
import { EmulatorRefusal, readPush, type EmulatedPush } from './request.js';
import type { EmulatedTopics } from './topics.js';
import { WorstSecond } from './window.js';

/** How a push was judged. */
export interface Judgement {
  readonly answer: EmulatorAnswer;
  /** Whether the message entered the ledger. */
  readonly accepted: boolean;
}

/** Whether a valid push that fits the quota is taken, or only answered as if it were: a fault may lose it. */
export type Handling = 'take' | 'lose';

/** Judges pushes: credentials and fields, then the topics, then the quota; and hands the good ones to the ledger. */
export class EmulatedPushApi {
  readonly #packetPrefix = randomBytes(8).toString('hex').slice(1);
  #packets = 0;
  #quota: EmulatorQuota | undefined;
  #worst = noArrivals();

  constructor(
    readonly settings: EmulatorSettings,
    readonly ledger: EmulatorLedger,
    readonly topics: EmulatedTopics,
  ) {
    this.clear();
  }

  /** The most units of all well-formed, authenticated pushes in any one-second window, accepted or not. */
  get worstWindow(): Record<EmulatorAudience, number> {
    const { accounts, topics, unlimitedTopics } = this.#worst;
    return { accounts: accounts.worst, topics: topics.worst, unlimitedTopics: unlimitedTopics.worst };
  }

  /** Judges a push whose body was parsed, at the time it was read. */
  judge(endpoint: EmulatorPushEndpoint, body: unknown, at: number, handling: Handling): Judgement {
    try {
      const push = readPush(endpoint, body, this.settings);
      this.#worst[audienceOf(endpoint)].add(at, unitsOf(push));
      this.#checkTopics(push);
      return this.#settle(push, at, handling);
    } catch (error) {
      return { answer: this.refuse(error), accepted: false };
    }
  }

  /** The answer to a request that was judged wrong; anything but a refusal is a bug and is thrown. */
  refuse(error: unknown): EmulatorAnswer {
    if (!(error instanceof EmulatorRefusal)) throw error;
    this.ledger.tally('refused');
    return refusal(statusFor(error.code, this.settings.errorStatus), error.code, error.message);
  }

  clear(): void {
    this.#quota = this.settings.quota && new EmulatorQuota(this.settings.quota);
    this.#worst = noArrivals();
  }

  #settle(push: EmulatedPush, at: number, handling: Handling): Judgement {
    const packetIds = Array.from({ length: unitsOf(push) }, () => `${this.#packetPrefix}-${++this.#packets}`);
    const answer = acceptance(packetIds, isBatch(push.endpoint) ? 'many' : 'one');
    if (handling === 'lose') return { answer, accepted: false };
    if (this.#quota?.take(audienceOf(push.endpoint), unitsOf(push), at) === false) {
      return { answer: this.#throttle(), accepted: false };
    }
    this.ledger.deliver(push, packetIds, at);
    return { answer, accepted: true };
  }

  /** The one documented error is a refused business rule reported as code 500, "… fail" (docs/mimc-api.md §10 row 4). */
  #checkTopics({ endpoint, recipients, fromAccount }: EmulatedPush): void {
    if (audienceOf(endpoint) === 'accounts') return;
    const { topics, topicSenders } = this.settings;
    const isUnlimited = audienceOf(endpoint) === 'unlimitedTopics';
    const isOpen = (id: string): boolean => {
      const made = this.topics.get(id);
      const isThere = topics === undefined || topics.has(id) || made?.isUnlimited === isUnlimited;
      return isThere && (topicSenders === 'anyone' || made?.members.has(fromAccount) === true);
    };
    if (!recipients.every(isOpen)) throw new EmulatorRefusal(500, 'push to topic fail');
  }

  #throttle(): EmulatorAnswer {
    this.ledger.tally('throttled');
    const { throttle, errorStatus } = this.settings;
    const seconds = throttle.retryAfterSeconds;
    const headers: Record<string, string> = seconds === undefined ? {} : { 'retry-after': String(seconds) };
    return refusal(throttle.status ?? statusFor(429, errorStatus), 429, 'quota exceeded', headers);
  }
}

/** Recipients × messages (docs/mimc-api.md §1.4). */
function unitsOf({ recipients, messages }: EmulatedPush): number {
  return recipients.length * messages.length;
}

function noArrivals(): Record<EmulatorAudience, WorstSecond> {
  return { accounts: new WorstSecond(), topics: new WorstSecond(), unlimitedTopics: new WorstSecond() };
}

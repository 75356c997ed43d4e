import { Injectable, Logger } from '@nestjs/common';
import {
  type MimcAccountMessage,
  type MimcTopicMessage,
  type MimcUserMessage,
  OnMimcMessage,
} from 'nestjs-mimc/callback';

/** The most messages that are kept; the oldest makes room. */
const MOST = 1_000;

/** What users sent one another, in the memory of this process. An application of yours writes it to its database. */
@Injectable()
export class ReceivedMessages {
  readonly #logger = new Logger('Messages');
  readonly #messages = new Map<string, MimcUserMessage>();

  /** Newest last. */
  get all(): readonly MimcUserMessage[] {
    return [...this.#messages.values()];
  }

  /**
   * By its id, so that a message that MIMC sends again replaces itself. What it rejects with has MIMC repeat the callback:
   * let an error of the database pass.
   */
  @OnMimcMessage('NORMAL_MSG', 'NORMAL_TOPIC_MSG', 'UCTOPIC_MSG')
  store(message: MimcAccountMessage | MimcTopicMessage): void {
    const [oldest] = this.#messages.keys();
    if (this.#messages.size >= MOST && oldest !== undefined) this.#messages.delete(oldest);
    this.#messages.set(message.id, message);
  }

  /** Comes besides `NORMAL_MSG`, when the recipient's devices are offline: the place to wake a phone. */
  @OnMimcMessage('OFFLINE_MSG')
  wake({ toAccount, offlineResources = [] }: MimcAccountMessage): void {
    this.#wakePhone(toAccount, offlineResources);
  }

  /** As {@link wake}, for the members of a group who did not get it. */
  @OnMimcMessage('OFFLINE_TOPIC_MSG')
  wakeMembers({ offlineAccounts = [] }: MimcTopicMessage): void {
    for (const { toAccount, offlineResources } of offlineAccounts) this.#wakePhone(toAccount, offlineResources);
  }

  /** Here an application calls the push service of the phone: APNs, FCM or one of its maker. */
  #wakePhone(_account: string, resources: readonly string[]): void {
    this.#logger.log(`A recipient is offline on ${resources.length} devices: wake them here`);
  }
}

import { Injectable, Logger } from '@nestjs/common';
import {
  type MimcAccountMessage,
  type MimcTopicMessage,
  type MimcUserMessage,
  OnMimcMessage,
} from 'nestjs-mimc/callback';

/** Most messages kept; the oldest are dropped first. */
const MOST = 1_000;

/** Messages between users, in the memory of this process. Your application stores them in its database. */
@Injectable()
export class ReceivedMessages {
  readonly #logger = new Logger('Messages');
  readonly #messages = new Map<string, MimcUserMessage>();

  /** Newest last. */
  get all(): readonly MimcUserMessage[] {
    return [...this.#messages.values()];
  }

  /**
   * Stored by id, so that a message that MIMC sends again replaces itself. An error makes MIMC repeat the callback, so let
   * errors of the database pass.
   */
  @OnMimcMessage('NORMAL_MSG', 'NORMAL_TOPIC_MSG', 'UCTOPIC_MSG')
  store(message: MimcAccountMessage | MimcTopicMessage): void {
    const [oldest] = this.#messages.keys();
    if (this.#messages.size >= MOST && oldest !== undefined) this.#messages.delete(oldest);
    this.#messages.set(message.id, message);
  }

  /** Sent in addition to `NORMAL_MSG` when the recipient's devices are offline: the place to wake a phone. */
  @OnMimcMessage('OFFLINE_MSG')
  wake({ toAccount, offlineResources = [] }: MimcAccountMessage): void {
    this.#wakePhone(toAccount, offlineResources);
  }

  /** As {@link wake}, for the members of a group who are offline. */
  @OnMimcMessage('OFFLINE_TOPIC_MSG')
  wakeMembers({ offlineAccounts = [] }: MimcTopicMessage): void {
    for (const { toAccount, offlineResources } of offlineAccounts) this.#wakePhone(toAccount, offlineResources);
  }

  /** Here an application calls the phone's push service: APNs, FCM or the vendor's. */
  #wakePhone(_account: string, resources: readonly string[]): void {
    this.#logger.log(`A recipient is offline on ${resources.length} devices; wake their phone here`);
  }
}

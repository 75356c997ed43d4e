/** A group of the emulator. */
export interface EmulatedTopic {
  /** Exact decimal text. */
  readonly topicId: string;
  /** Whether it is an unlimited one (docs/mimc-api.md §6). */
  readonly isUnlimited: boolean;
  ownerAccount: string;
  topicName: string;
  bulletin: string;
  extra?: string | undefined;
  /** The owner among them, in the order in which they joined. */
  readonly members: Set<string>;
}

/** What a new group is made of. */
export type NewTopic = Pick<EmulatedTopic, 'isUnlimited' | 'ownerAccount' | 'topicName' | 'extra'> & {
  readonly members: readonly string[];
};

/** Odd and above 2^55, so that no JavaScript number can hold one (docs/mimc-api.md §8). */
const FIRST_ID = 51_664_086_823_862_273n;

/** The groups there are: their one owner, whom the other parts of the emulator ask. */
export class EmulatedTopics {
  readonly #topics = new Map<string, EmulatedTopic>();
  #nextId = FIRST_ID;

  /** Makes a group. Its owner is a member without being listed (docs/mimc-api.md §5.2). */
  create({ members, ...topic }: NewTopic): EmulatedTopic {
    const topicId = String(this.#nextId);
    this.#nextId += 2n;
    const created = { ...topic, topicId, bulletin: '', members: new Set([topic.ownerAccount, ...members]) };
    this.#topics.set(topicId, created);
    return created;
  }

  /** An ordinary group or an unlimited one. */
  get(topicId: string): EmulatedTopic | undefined {
    return this.#topics.get(topicId);
  }

  /** The members of a group of either kind; undefined when there is no such group. */
  membersOf(topicId: string): readonly string[] | undefined {
    const topic = this.#topics.get(topicId);
    return topic && [...topic.members];
  }

  /** The groups of one kind of which an account is a member, oldest first. */
  of(account: string, isUnlimited: boolean): readonly EmulatedTopic[] {
    return [...this.#topics.values()].filter(
      (topic) => topic.isUnlimited === isUnlimited && topic.members.has(account),
    );
  }

  dissolve(topicId: string): void {
    this.#topics.delete(topicId);
  }

  clear(): void {
    this.#topics.clear();
  }
}

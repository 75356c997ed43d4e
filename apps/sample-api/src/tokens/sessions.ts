import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';

/** How long a session lasts, in milliseconds. */
const LIFETIME_MS = 3_600_000;

/** The most sessions at once; the oldest makes room. */
const MOST = 10_000;

interface Session {
  account: string;
  endsAt: number;
}

/** Who is logged in, in the memory of this process. An application of yours has its own, behind its own login. */
@Injectable()
export class Sessions {
  /** By digest, so that no session can be read from a dump or a log. */
  readonly #sessions = new Map<string, Session>();

  /** Begins a session, and returns the secret that its user sends from then on. */
  begin(account: string): string {
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size >= MOST && oldest !== undefined) this.#sessions.delete(oldest);
    const secret = randomBytes(32).toString('base64url');
    this.#sessions.set(digest(secret), { account, endsAt: performance.now() + LIFETIME_MS });
    return secret;
  }

  /** Whose session it is; undefined when there is none, or no longer. */
  accountOf(secret: string): string | undefined {
    const session = this.#sessions.get(digest(secret));
    if (session === undefined || session.endsAt > performance.now()) return session?.account;
    this.#sessions.delete(digest(secret));
    return undefined;
  }
}

function digest(secret: string): string {
  return createHash('sha256').update(secret).digest('base64');
}

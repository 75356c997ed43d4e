import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';

/** How long a session lasts, in milliseconds. */
const LIFETIME_MS = 3_600_000;

/** Most sessions at once; the oldest are dropped first. */
const MOST = 10_000;

interface Session {
  account: string;
  endsAt: number;
}

/** Sessions of logged-in users, in the memory of this process. Your application has its own, behind its own login. */
@Injectable()
export class Sessions {
  /** Keyed by digest, so that no session can be read from a memory dump. */
  readonly #sessions = new Map<string, Session>();

  /** Starts a session and returns the secret with which its user authenticates. */
  begin(account: string): string {
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size >= MOST && oldest !== undefined) this.#sessions.delete(oldest);
    const secret = randomBytes(32).toString('base64url');
    this.#sessions.set(digest(secret), { account, endsAt: performance.now() + LIFETIME_MS });
    return secret;
  }

  /** The account of a session; undefined when it does not exist or has ended. */
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

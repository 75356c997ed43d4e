/** Why there was no reply; `malformed` means that it was not HTTP, `config` that a person must correct something. */
export type ExchangeFaultKind = 'connect' | 'config' | 'timeout' | 'reset' | 'malformed' | 'stopped';

/** The end of an exchange without a reply. It holds neither the request nor a cause, so nothing can leak from it. */
export class ExchangeFault extends Error {
  constructor(
    readonly kind: ExchangeFaultKind,
    /** System or undici error code: `ECONNREFUSED`, `UND_ERR_SOCKET`, …; of `config` a sentence. */
    readonly reason?: string,
  ) {
    super(reason === undefined ? kind : `${kind} (${reason})`);
  }
}

/** By shape, as an error may come from another realm or another copy of undici. */
export function errorCode(error: unknown): string | undefined {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  // Only what looks like a code: another text could hold the request.
  return [code, name].find((label) => typeof label === 'string' && /^\w{1,40}$/.test(label)) as string | undefined;
}

/** How the emulator's callbacks look and repeat. */
export interface MimcEmulatorCallbackOptions {
  /** Whether ids and times are texts (`text`, default) or integers (`number`): the vendor does not say (mimc-api.md §4.3). */
  readonly idForm?: 'text' | 'number' | undefined;
  /** Byte order of the length in `authentication`, or `none` for an app of old, which has no such field. Default `little-endian` (§4.4). */
  readonly authentication?: 'little-endian' | 'big-endian' | 'none' | undefined;
  /** Whether pushes too cause callbacks; default false, as the vendor speaks of users' messages (§10 row 18). */
  readonly onPush?: boolean | undefined;
  /** How long an answer may take, in milliseconds; default 5,000 (§10 row 19). */
  readonly timeoutMs?: number | undefined;
  /** After how many milliseconds a callback that failed is repeated; default `[5_000, 30_000, 300_000]` (§4.1). */
  readonly repeatAfterMs?: readonly number[] | undefined;
}

/** The options with their defaults. */
export interface CallbackSettings {
  readonly idForm: 'text' | 'number';
  readonly authentication: 'little-endian' | 'big-endian' | 'none';
  readonly onPush: boolean;
  readonly timeoutMs: number;
  readonly repeatAfterMs: readonly number[];
}

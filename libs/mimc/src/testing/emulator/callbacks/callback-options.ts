/** How the emulator's callbacks look and repeat. */
export interface MimcEmulatorCallbackOptions {
  /** Whether ids and times are strings (`text`, default) or integers (`number`): not documented (docs/mimc-api.md §4.3). */
  readonly idForm?: 'text' | 'number' | undefined;
  /**
   * Byte order of the length in `authentication` (docs/mimc-api.md §4.4), or `none` for an old app, whose callbacks lack
   * the field. Default `little-endian`.
   */
  readonly authentication?: 'little-endian' | 'big-endian' | 'none' | undefined;
  /** Whether pushes also cause callbacks; default false, as only users' messages are documented to (docs/mimc-api.md §10 row 18). */
  readonly onPush?: boolean | undefined;
  /** How long an answer may take, in milliseconds; default 5,000 (docs/mimc-api.md §10 row 19). */
  readonly timeoutMs?: number | undefined;
  /** Delays before each repeat of a failed callback, in milliseconds; default `[5_000, 30_000, 300_000]` (docs/mimc-api.md §4.1). */
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

import { inspect } from 'node:util';
import { MimcError, type MimcErrorJson } from '../errors/mimc-error.js';
import { isRecord } from '../validation/rules.js';
import type { BatchPushReceipt } from '../push/receipts.js';
import { textOf } from './audience.js';
import type { MimcBroadcastOutcome } from './broadcast-options.js';
import type { MimcSettledRecipients, SettledRanges } from './settled-ranges.js';

/** An outcome in a checkpoint. Its recipients are text, as a topic id may be a bigint; of a whole push it is who gets it. */
export type MimcCheckpointOutcome = {
  readonly offset: number;
  readonly recipients: readonly string[];
} & ({ readonly ok: true; readonly receipt: BatchPushReceipt } | { readonly ok: false; readonly error: MimcErrorJson });

/** How far a broadcast is: what to resume it from. JSON-safe, so keep it anywhere. */
export interface MimcBroadcastCheckpoint extends MimcSettledRecipients {
  /** Settled, but not handed to the loop yet: a resumed broadcast reports them first. Absent when there are none. */
  readonly outcomes?: readonly MimcCheckpointOutcome[] | undefined;
}

/** The checkpoint for what is settled now. It costs next to nothing until it is read. */
export function checkpointOf(
  settled: SettledRanges,
  pending: readonly MimcBroadcastOutcome<unknown>[],
): MimcBroadcastCheckpoint {
  const read = settled.snapshot();
  let stored: readonly MimcCheckpointOutcome[] | undefined;
  const outcomes = () => (stored ??= pending.map(storedOutcome));
  return whenRead({
    watermark: () => read().watermark,
    ranges: () => read().ranges,
    ...(pending.length > 0 && { outcomes }),
  }) as MimcBroadcastCheckpoint;
}

/** An object whose fields are computed on the first read, which `JSON.stringify` and `structuredClone` do. */
function whenRead(fields: Readonly<Record<string, () => unknown>>): object {
  const getters = Object.entries(fields).map(([name, get]) => [name, { enumerable: true, get }]);
  const object: object = Object.defineProperties({}, Object.fromEntries(getters) as PropertyDescriptorMap);
  return Object.defineProperty(object, inspect.custom, { value: () => ({ ...object }) });
}

/** An outcome as the broadcast that stored it would have reported it, but that recipients are text. */
export function restoredOutcome(stored: MimcCheckpointOutcome): MimcBroadcastOutcome<string> {
  const { offset, recipients } = stored;
  if (stored.ok) return { ok: true, offset, recipients, receipt: stored.receipt };
  return { ok: false, offset, recipients, error: MimcError.fromJSON(stored.error) };
}

function storedOutcome(outcome: MimcBroadcastOutcome<unknown>): MimcCheckpointOutcome {
  const { offset } = outcome;
  if (outcome.ok)
    return { ok: true, offset, recipients: outcome.recipients.map(recipientText), receipt: outcome.receipt };
  // What is not a recipient may be anything, also large.
  const text = outcome.error.code === 'MIMC_INVALID' ? textOf : recipientText;
  return { ok: false, offset, recipients: outcome.recipients.map(text), error: outcome.error.toJSON() };
}

function recipientText(recipient: unknown): string {
  if (!isRecord(recipient)) return String(recipient);
  const { toAccount, topicId } = recipient as { toAccount?: unknown; topicId?: unknown };
  return String(toAccount ?? topicId);
}

/** A copy of `value`, of which each field was read once; undefined when it does not have the shape of a checkpoint. */
export function copyOfCheckpoint(value: unknown): MimcBroadcastCheckpoint | undefined {
  try {
    const copy: unknown = structuredClone(value);
    return isCheckpoint(copy) ? copy : undefined;
  } catch {
    return undefined;
  }
}

function isCheckpoint(value: unknown): value is MimcBroadcastCheckpoint {
  if (!isRecord(value)) return false;
  const { watermark, ranges, outcomes = [] } = value as Partial<Record<keyof MimcBroadcastCheckpoint, unknown>>;
  if (!isOffset(watermark) || !Array.isArray(ranges) || !Array.isArray(outcomes)) return false;
  let end = watermark;
  const areApart = [...(ranges as unknown[])].every((range: unknown) => {
    if (!Array.isArray(range) || range.length !== 2 || !range.every(isOffset)) return false;
    const [from, to] = range as [number, number];
    const isApart = end < from && from < to;
    end = to;
    return isApart;
  });
  return areApart && [...(outcomes as unknown[])].every(isStoredOutcome);
}

function isStoredOutcome(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { ok, offset, recipients, receipt, error } = value as Record<string, unknown>;
  if (!isOffset(offset) || !Array.isArray(recipients) || ![...(recipients as unknown[])].every(isText)) return false;
  if (ok === false) MimcError.fromJSON(error);
  return ok === true ? isRecord(receipt) : ok === false;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isOffset(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

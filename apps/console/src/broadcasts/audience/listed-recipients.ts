import { MimcError, type MimcViolation } from 'nestjs-mimc';
import type { BroadcastKind } from '../broadcast-request.js';

/** Further ones are not listed. */
const MAX_VIOLATIONS = 100;

/**
 * The recipients of a JSON list as text. Only values of a wrong type are refused here; the broadcast itself checks whether a
 * text is a valid recipient.
 *
 * @throws MimcError `MIMC_INVALID`, naming them
 */
export function listedRecipients(list: readonly unknown[], kind: BroadcastKind): string[] {
  const isAllowed = kind === 'accounts' ? isText : isTextOrInteger;
  const must = kind === 'accounts' ? 'must be a string' : 'must be a string or an integer';
  const violations: MimcViolation[] = [];
  for (const [index, recipient] of list.entries()) {
    if (violations.length === MAX_VIOLATIONS) break;
    if (isAllowed(recipient)) continue;
    const field = `recipients[${index}]`;
    violations.push({ field, rule: 'isRecipient', message: `${field} ${must}` });
  }
  const [first] = violations;
  if (first === undefined) return list.map(String);
  throw new MimcError({ code: 'MIMC_INVALID', outcome: 'not-sent', message: first.message, violations });
}

function isText(recipient: unknown): boolean {
  return typeof recipient === 'string';
}

/** A number beyond the safe integers has lost digits. */
function isTextOrInteger(recipient: unknown): boolean {
  return isText(recipient) || typeof recipient === 'bigint' || Number.isSafeInteger(recipient);
}

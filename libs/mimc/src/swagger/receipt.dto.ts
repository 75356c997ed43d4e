import { ApiProperty } from '@nestjs/swagger';
import type { BatchPushReceipt, CallReceipt, MimcTiming, PushReceipt } from '../index.js';

/** Schema of {@link MimcTiming}. */
export class MimcTimingDto implements MimcTiming {
  @ApiProperty({ type: 'number', minimum: 0, description: 'Waiting for quota.' })
  queuedMs!: number;

  @ApiProperty({ type: 'number', minimum: 0, description: 'Requests and replies.' })
  networkMs!: number;

  @ApiProperty({ type: 'number', minimum: 0, description: 'Between attempts.' })
  backoffMs!: number;
}

/** What the schemas of both receipts have in common. */
export class CallReceiptDto implements CallReceipt {
  @ApiProperty({ type: 'string', format: 'uuid', description: 'Id of the call, the same in every event of it.' })
  callId!: string;

  @ApiProperty({ type: 'integer', minimum: 1, description: 'Requests made, the successful one included.' })
  attempts!: number;

  @ApiProperty({ type: () => MimcTimingDto, description: 'Where the time of the call went, in milliseconds.' })
  timing!: MimcTimingDto;

  @ApiProperty({ type: 'boolean', description: 'Whether an earlier attempt may have been delivered too.' })
  mayBeDuplicate!: boolean;
}

/**
 * Schema of {@link PushReceipt}, for the answer of a route.
 *
 * @example
 * \@ApiAcceptedResponse({ type: PushReceiptDto })
 */
export class PushReceiptDto extends CallReceiptDto implements PushReceipt {
  @ApiProperty({ type: 'string', description: "MIMC's id of the message." })
  packetId!: string;
}

/**
 * Schema of {@link BatchPushReceipt}, for the answer of a route.
 *
 * @example
 * \@ApiAcceptedResponse({ type: BatchPushReceiptDto })
 */
export class BatchPushReceiptDto extends CallReceiptDto implements BatchPushReceipt {
  @ApiProperty({ type: 'array', items: { type: 'string' }, description: "MIMC's ids of the messages." })
  packetIds!: readonly string[];

  @ApiProperty({ type: 'integer', minimum: 1, description: 'Recipients of the call.' })
  requested!: number;
}

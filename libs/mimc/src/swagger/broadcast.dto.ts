import { ApiProperty } from '@nestjs/swagger';
import type { MimcBroadcastProgress, MimcBroadcastSummary } from '../index.js';

const count = (description: string) => ApiProperty({ type: 'integer', minimum: 0, description });

/** Schema of {@link MimcBroadcastProgress}. */
export class MimcBroadcastProgressDto implements MimcBroadcastProgress {
  @count('Taken from the audience: the sum of all others and, until the end, of those in flight.')
  read!: number;

  @count('MIMC took the message for them.')
  accepted!: number;

  @count('MIMC refused it.')
  refused!: number;

  @count('Provably not sent.')
  notSent!: number;

  @count('It may have been sent to them.')
  unknown!: number;

  @count('Not an account or topic id: left out.')
  invalid!: number;

  @count('Left out because they came before.')
  duplicates!: number;

  @count('Left out because an earlier run has settled them.')
  skipped!: number;
}

/** Schema of {@link MimcBroadcastSummary}, as JSON. */
export class MimcBroadcastSummaryDto extends MimcBroadcastProgressDto implements MimcBroadcastSummary {
  @ApiProperty({
    type: 'string',
    enum: ['end', 'abort', 'failures', 'source-error'],
    description:
      '`end`: everybody is done. `abort`: it was stopped. `failures`: it gave up. `source-error`: the audience failed.',
  })
  stoppedBy!: MimcBroadcastSummary['stoppedBy'];

  @ApiProperty({ type: Object, required: false, description: 'What stopped it, when that was an error.' })
  error?: unknown;
}

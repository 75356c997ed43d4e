import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import type { MimcErrorCode, MimcErrorTable } from '../index.js';
import { type FailureExample, failureExamples } from './error-examples.js';
import { MimcErrorDto } from './mimc-error.dto.js';

/** Options of {@link ApiMimcErrors}. */
export interface ApiMimcErrorsOptions {
  /** The codes with which the route can fail. Default all, as a push can. */
  codes?: readonly MimcErrorCode[] | undefined;
  /** The overrides of `MIMC_ERROR_TABLE`, so that the document has the statuses which they choose. Default none. */
  table?: Partial<MimcErrorTable> | undefined;
}

const RETRY_AFTER = {
  'Retry-After': { description: 'Seconds, when MIMC said how long.', schema: { type: 'integer' } },
};

/**
 * Documents every status with which a push can fail, as `MimcErrorInterceptor` and `MimcExceptionFilter`
 * answer it: a {@link MimcErrorDto}, with an example for each code. For a route or a controller.
 *
 * @example
 * \@Post()
 * \@ApiAcceptedResponse({ type: PushReceiptDto })
 * \@ApiMimcErrors()
 * send(\@Body() dto: PushToAccountDto) { … }
 */
export function ApiMimcErrors({ codes, table }: ApiMimcErrorsOptions = {}): MethodDecorator & ClassDecorator {
  const byStatus = new Map<number, FailureExample[]>();
  for (const example of failureExamples(table)) {
    if (codes !== undefined && !codes.includes(example.code)) continue;
    byStatus.set(example.status, [...(byStatus.get(example.status) ?? []), example]);
  }
  return applyDecorators(...[...byStatus].map(([status, examples]) => failureResponse(status, examples)));
}

function failureResponse(status: number, examples: readonly FailureExample[]): MethodDecorator & ClassDecorator {
  const meanings = new Map(examples.map(({ code, means }) => [code, means]));
  return ApiResponse({
    status,
    type: MimcErrorDto,
    description: [...meanings].map(([code, means]) => `- \`${code}\`: ${means}.`).join('\n'),
    examples: Object.fromEntries(examples.map(({ name, summary, body: value }) => [name, { summary, value }])),
    ...(examples.some(({ hasRetryAfter }) => hasRetryAfter) && { headers: RETRY_AFTER }),
  });
}

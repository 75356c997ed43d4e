import { applyDecorators, type Type } from '@nestjs/common';
import { ApiAcceptedResponse, ApiBody, ApiOperation } from '@nestjs/swagger';
import type { BatchPushReceiptDto, PushReceiptDto } from 'nestjs-mimc/swagger';

/** The documentation of one push. */
interface PushDocs {
  summary: string;
  receipt: Type<PushReceiptDto | BatchPushReceiptDto>;
  /** Example bodies by their titles. */
  bodies: Record<string, object>;
}

/** Documents a push: its body with examples, and its receipt. */
export function ApiPush(dto: Type, { summary, receipt, bodies }: PushDocs): MethodDecorator {
  const examples = Object.fromEntries(Object.entries(bodies).map(([name, value]) => [name, { summary: name, value }]));
  return applyDecorators(
    ApiOperation({ summary }),
    ApiBody({ type: dto, examples, required: true }),
    ApiAcceptedResponse({ type: receipt, description: 'MIMC accepted the message.' }),
  );
}

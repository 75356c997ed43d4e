import { applyDecorators } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { httpErrorExamples, pushErrorExamples } from './error-examples.js';
import { jsonContent, schemaRef, type Examples } from './openapi.js';

/** What tells one push from the others in the document. */
interface PushDocs {
  summary: string;
  body: string;
  bodies: Examples;
  receipt: 'PushReceipt' | 'BatchPushReceipt';
}

/** Documents a push: its body, its receipt and every way in which it can fail, each with examples. */
export function DocumentedPush({ summary, body, bodies, receipt }: PushDocs): MethodDecorator {
  const accepted = jsonContent([receipt], { accepted: { summary: 'MIMC took the message', value: receipts[receipt] } });
  return applyDecorators(
    ApiTags('push'),
    ApiBearerAuth(),
    ApiOperation({ summary }),
    ApiBody({ schema: schemaRef(body), examples: bodies, required: true }),
    ApiResponse({ status: 202, description: 'MIMC took the message.', content: accepted }),
    ...Object.entries(failures).map(([status, description]) => failureResponse(Number(status), description)),
  );
}

/** Every status of a failure. */
const failures: Record<number, string> = {
  400: 'The body breaks a rule, or MIMC refused it as invalid.',
  401: 'No or a wrong API key.',
  403: 'MIMC refused the push as forbidden.',
  404: 'MIMC does not know what the push names.',
  410: 'What the push names is gone, says MIMC.',
  413: 'The body is too large for this server, or the message for MIMC.',
  415: 'The body is not JSON in UTF-8.',
  429: 'MIMC throttled the push.',
  500: "This server's options of MIMC are wrong.",
  502: "MIMC failed, refused this server's credentials, or answered what cannot be understood: `outcome` tells whether the message may have been sent.",
  503: 'This server is full or shutting down, or cannot reach MIMC: `outcome` tells whether the message may have been sent.',
  504: 'No reply of MIMC in time: `outcome` tells whether the message may have been sent.',
};

function failureResponse(status: number, description: string): MethodDecorator & ClassDecorator {
  const [ofPush, ofHttp] = [pushErrorExamples.get(status), httpErrorExamples.get(status)];
  const schemas = [...(ofPush ? ['PushError'] : []), ...(ofHttp ? ['HttpError'] : [])];
  return ApiResponse({
    status,
    description,
    headers: headers[status],
    content: jsonContent(schemas, { ...ofPush, ...ofHttp }),
  });
}

const headers: Record<number, Record<string, { description: string; schema: { type: string } }>> = {
  401: { 'WWW-Authenticate': { description: 'The challenge of RFC 6750.', schema: { type: 'string' } } },
  429: { 'Retry-After': { description: 'Seconds, when MIMC said how long.', schema: { type: 'integer' } } },
};

const call = {
  callId: '8c7d8e2e-5d5f-4a70-9a39-0d2f3c1b6a44',
  attempts: 1,
  timing: { queuedMs: 0, networkMs: 35.2, backoffMs: 0 },
  mayBeDuplicate: false,
};

const receipts = {
  PushReceipt: { packetId: 'P-1', ...call },
  BatchPushReceipt: { packetIds: ['P-1', 'P-2'], requested: 2, ...call },
};

import { STATUS_CODES } from 'node:http';
import { applyDecorators } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiParam, ApiProduces, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { broadcastBodies, broadcastExamples, eventsExample } from './broadcast-examples.js';
import { broadcastFields } from './broadcast-schemas.js';
import { httpErrorExamples, pushErrorExamples } from './error-examples.js';
import { jsonContent, schemaRef, type Examples, type Schema } from './openapi.js';
import { message } from './push-schemas.js';

/** Documents `POST /broadcasts`. */
export const CreateBroadcastDocs = () =>
  applyDecorators(
    ...common('Send a message to a large audience', createDescription),
    ApiOperation({ requestBody: { required: true, content: createContent } }),
    ...Object.entries(uploadQuery).map(([name, schema]) => queryParameter(name, schema)),
    ApiResponse({
      status: 202,
      description: 'The audience is stored, and the broadcast has begun.',
      headers: { Location: { description: 'Where to look at it.', schema: { type: 'string' } } },
      content: jsonContent(['Broadcast'], { begun: broadcastExamples.begun }),
    }),
    failure(400, 'The body, the query or a line of the upload breaks a rule, or the audience is empty.'),
    failure(
      409,
      'There is a broadcast of that id already.',
      httpFailure(409, 'There is a broadcast spring-sale already'),
    ),
    failure(413, 'The body, the audience or a line of it is too large.'),
    failure(415, 'The body is neither JSON nor text nor NDJSON in UTF-8, or it is compressed.'),
    failure(503, 'Too many broadcasts are open, or the server is shutting down.'),
  );

/** Documents `GET /broadcasts/:id`. */
export const BroadcastDocs = () =>
  applyDecorators(...ofOne('How far a broadcast is'), state('Its state.', { running: broadcastExamples.running }));

/** Documents `GET /broadcasts/:id/events`. */
export const BroadcastEventsDocs = () =>
  applyDecorators(
    ...ofOne(
      'Follow a broadcast',
      'Server-sent events: `progress` while it changes, and `end` with the last state, after which the stream ends.\n' +
        'An event says nothing of failures that are as in the event before, and lists at most 100 recipients of them.',
    ),
    ApiProduces('text/event-stream'),
    ApiResponse({
      status: 200,
      description: 'The events; the data of each is a Broadcast in JSON.',
      content: { 'text/event-stream': { schema: { type: 'string' }, example: eventsExample } },
    }),
    failure(503, 'Too many clients follow broadcasts.', httpFailure(503, '32 clients follow along already')),
  );

/** Documents `POST /broadcasts/:id/pause`. */
export const PauseBroadcastDocs = () =>
  applyDecorators(
    ...ofOne(
      'Pause a broadcast',
      'Answers when the requests that were sent have their answers. Asking twice is harmless.',
    ),
    state('It is paused.', { paused: broadcastExamples.paused }),
    tooLate('It is done, cancelled or failed.'),
  );

/** Documents `POST /broadcasts/:id/resume`. */
export const ResumeBroadcastDocs = () =>
  applyDecorators(
    ...ofOne('Go on with a broadcast that is paused or failed', 'Nobody is sent the message twice.'),
    state('It is running.', { running: broadcastExamples.running }),
    tooLate('It is done or cancelled.'),
  );

/** Documents `DELETE /broadcasts/:id`. */
export const CancelBroadcastDocs = () =>
  applyDecorators(
    ...ofOne(
      'Cancel a broadcast',
      'Answers when the requests that were sent have their answers. Asking twice is harmless.',
    ),
    state('It is cancelled.', { cancelled: broadcastExamples.cancelled }),
    tooLate('It is done.'),
  );

const createDescription = [
  'In JSON, all in the body; topic ids may be bare integers.',
  'Or as an upload of any length, received line by line: `text/plain` with a recipient in each line, or',
  '`application/x-ndjson` with a JSON string (or the bare integer of a topic id) in each. Then the query says the rest, the',
  'message included, which servers and proxies on the way may write to their logs and limit to some kilobytes.',
  'Nothing is sent before the upload is complete. An entry that is no account or topic id is counted as `invalid` and left out.',
].join('\n');

const createContent = {
  'application/json': { schema: schemaRef('CreateBroadcast'), examples: broadcastBodies },
  'text/plain': { schema: { type: 'string' }, example: 'alice\nbob\n' },
  'application/x-ndjson': { schema: { type: 'string' }, example: '"alice"\n"bob"\n' },
};

/** The query of an upload. JSON needs none of it, so that nothing is required here. */
const uploadQuery: Record<string, Schema> = { ...broadcastFields, ...message };

function common(summary: string, description?: string) {
  return [
    ApiTags('broadcasts'),
    ApiBearerAuth(),
    ApiOperation({ summary, ...(description !== undefined && { description }) }),
    failure(401, 'No or a wrong API key.'),
  ];
}

function ofOne(summary: string, description?: string) {
  return [
    ...common(summary, description),
    ApiParam({ name: 'id', schema: broadcastFields.id }),
    failure(404, 'There is none of that id.', httpFailure(404, 'There is no broadcast spring-sale')),
  ];
}

function queryParameter(name: string, schema: Schema): MethodDecorator {
  return ApiQuery({ name, required: false, schema, description: 'Of an upload only.' });
}

function state(description: string, examples: Examples): MethodDecorator & ClassDecorator {
  return ApiResponse({ status: 200, description, content: jsonContent(['Broadcast'], examples) });
}

function tooLate(description: string): MethodDecorator & ClassDecorator {
  return failure(409, description, httpFailure(409, 'The broadcast is done'));
}

function httpFailure(status: number, text: string): Examples {
  const value = { message: text, error: STATUS_CODES[status] ?? '', statusCode: status };
  return { [`HTTP ${status}`]: { summary: text, value } };
}

function failure(status: number, description: string, own?: Examples): MethodDecorator & ClassDecorator {
  const ofPush = own === undefined && [400, 503].includes(status) ? pushErrorExamples.get(status) : undefined;
  const ofHttp = own ?? httpErrorExamples.get(status);
  const schemas = [...(ofPush ? ['PushError'] : []), ...(ofHttp ? ['HttpError'] : [])];
  return ApiResponse({ status, description, content: jsonContent(schemas, { ...ofPush, ...ofHttp }) });
}

import { applyDecorators } from '@nestjs/common';
import {
  ApiExtraModels,
  ApiOperation,
  ApiParam,
  ApiProduces,
  ApiQuery,
  ApiResponse,
  getSchemaPath,
  PartialType,
} from '@nestjs/swagger';
import { ApiMimcErrors } from 'nestjs-mimc/swagger';
import { ApiHttpError, ApiKeyNeeded } from '../../../sample-api/src/docs/http-errors.js';
import { BroadcastDto, broadcastFields, BroadcastUploadDto } from '../broadcasts/broadcast.dto.js';
import {
  broadcastBodies,
  broadcastExamples,
  broadcastList,
  eventsExample,
  type Examples,
  failuresExample,
} from './broadcast-examples.js';
import { BroadcastListDto, BroadcastStateDto } from './broadcast-state.dto.js';

/** The query of an upload. JSON needs none of it, so that nothing is required here. */
class UploadQueryDto extends PartialType(BroadcastUploadDto) {}

/** Documents `POST /broadcasts`. */
export const CreateBroadcastDocs = () =>
  applyDecorators(
    ...common('Send a message to a large audience', createDescription),
    ApiOperation({ requestBody: { required: true, content: createContent } }),
    ApiExtraModels(BroadcastDto),
    ApiQuery({ type: UploadQueryDto }),
    ApiResponse({
      status: 202,
      description: 'The audience is stored, and the broadcast has begun, or begins at its time.',
      headers: { Location: { description: 'Where to look at it.', schema: { type: 'string' } } },
      type: BroadcastStateDto,
      examples: { begun: broadcastExamples.begun },
    }),
    ApiMimcErrors({ codes: ['MIMC_INVALID', 'MIMC_QUEUE_FULL', 'MIMC_CLOSED', 'MIMC_CONNECT'] }),
    ApiHttpError(409, 'There is a broadcast of that id already.', 'There is a broadcast spring-sale already'),
    ApiHttpError(
      413,
      'The body, the audience or a line of it is too large.',
      'The audience must not be larger than 268435456 bytes',
    ),
    ApiHttpError(
      415,
      'The body is neither JSON nor text nor NDJSON in UTF-8, or it is compressed.',
      'The body must be application/json, text/plain or application/x-ndjson, in UTF-8 and not compressed',
    ),
  );

/** Documents `GET /broadcasts`. */
export const BroadcastListDocs = () =>
  applyDecorators(
    ...common('The broadcasts there are'),
    ApiResponse({
      status: 200,
      description: 'They, without their failures.',
      type: BroadcastListDto,
      examples: broadcastList,
    }),
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
    ApiHttpError(503, 'Too many clients follow broadcasts.', 'Too many event streams (limit 32)'),
  );

/** Documents `GET /broadcasts/:id/failures`. */
export const BroadcastFailuresDocs = () =>
  applyDecorators(
    ...ofOne(
      'Download who was not reached',
      'All failures, one in each line, in the order in which they became known.',
    ),
    ApiProduces('application/x-ndjson'),
    ApiResponse({
      status: 200,
      description: 'A file with a failure as JSON in each line.',
      content: { 'application/x-ndjson': { schema: { type: 'string' }, example: failuresExample } },
    }),
  );

/** Documents `POST /broadcasts/:id/pause`. */
export const PauseBroadcastDocs = () =>
  applyDecorators(
    ...ofOne(
      'Pause a broadcast',
      'Answers when the requests that were sent have their answers. Asking twice is harmless.',
    ),
    state('It is paused.', { paused: broadcastExamples.paused }),
    tooLate('It is not running.'),
  );

/** Documents `POST /broadcasts/:id/resume`. */
export const ResumeBroadcastDocs = () =>
  applyDecorators(
    ...ofOne('Resume a broadcast that is paused', 'Nobody is sent the message twice.'),
    state('It is running, or waits for its time.', { running: broadcastExamples.running }),
    tooLate('It has ended.'),
  );

/** Documents `POST /broadcasts/:id/resend`. */
export const ResendBroadcastDocs = () =>
  applyDecorators(
    ...ofOne(
      'Send again to those who were refused or not sent to',
      'Of a broadcast that has ended. Whose outcome is unknown is left out, as they may have the message.',
    ),
    state('It is running again.', { running: broadcastExamples.running }),
    tooLate('It has not ended, or nobody was refused or not sent to.', 'Nobody was refused or not sent to'),
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
  'application/json': { schema: { $ref: getSchemaPath(BroadcastDto) }, examples: broadcastBodies },
  'text/plain': { schema: { type: 'string' }, example: 'alice\nbob\n' },
  'application/x-ndjson': { schema: { type: 'string' }, example: '"alice"\n"bob"\n' },
};

function common(summary: string, description?: string) {
  return [ApiKeyNeeded(), ApiOperation({ summary, ...(description !== undefined && { description }) })];
}

function ofOne(summary: string, description?: string) {
  return [
    ...common(summary, description),
    ApiParam({ name: 'id', schema: broadcastFields.id }),
    ApiHttpError(404, 'No broadcast has this id.', 'There is no broadcast spring-sale'),
  ];
}

function state(description: string, examples: Examples): MethodDecorator & ClassDecorator {
  return ApiResponse({ status: 200, description, type: BroadcastStateDto, examples });
}

function tooLate(description: string, message = 'The broadcast is done'): MethodDecorator & ClassDecorator {
  return ApiHttpError(409, description, message);
}

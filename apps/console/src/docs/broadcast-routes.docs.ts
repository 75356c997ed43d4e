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

/** The query of an upload. A JSON request has none of it, so nothing is required here. */
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
      description: 'The audience is stored; the broadcast has started, or will start at its time.',
      headers: { Location: { description: 'URL of the broadcast.', schema: { type: 'string' } } },
      type: BroadcastStateDto,
      examples: { begun: broadcastExamples.begun },
    }),
    ApiMimcErrors({ codes: ['MIMC_INVALID', 'MIMC_QUEUE_FULL', 'MIMC_CLOSED', 'MIMC_CONNECT'] }),
    ApiHttpError(409, 'A broadcast with this id already exists.', 'A broadcast with the id spring-sale already exists'),
    ApiHttpError(
      413,
      'The body, the audience or a line of it is too large.',
      'The audience must not be larger than 268435456 bytes',
    ),
    ApiHttpError(
      415,
      'The body is not JSON, text or NDJSON in UTF-8, or it is compressed.',
      'The body must be application/json, text/plain or application/x-ndjson, in UTF-8 and not compressed',
    ),
  );

/** Documents `GET /broadcasts`. */
export const BroadcastListDocs = () =>
  applyDecorators(
    ...common('List broadcasts'),
    ApiResponse({
      status: 200,
      description: 'The broadcasts, without their failures.',
      type: BroadcastListDto,
      examples: broadcastList,
    }),
  );

/** Documents `GET /broadcasts/:id`. */
export const BroadcastDocs = () =>
  applyDecorators(
    ...ofOne('Show the state of a broadcast'),
    state('Its state.', { running: broadcastExamples.running }),
  );

/** Documents `GET /broadcasts/:id/events`. */
export const BroadcastEventsDocs = () =>
  applyDecorators(
    ...ofOne(
      'Follow the progress of a broadcast',
      'Server-sent events: `progress` when the state changes, and `end` with the last state, after which the stream ends.\n' +
        'An event leaves out failures that have not changed, and lists at most 100 recipients of failures.',
    ),
    ApiProduces('text/event-stream'),
    ApiResponse({
      status: 200,
      description: 'The events; the data of each is a Broadcast in JSON.',
      content: { 'text/event-stream': { schema: { type: 'string' }, example: eventsExample } },
    }),
    ApiHttpError(503, 'Too many event streams are open.', 'Too many event streams (limit 32)'),
  );

/** Documents `GET /broadcasts/:id/failures`. */
export const BroadcastFailuresDocs = () =>
  applyDecorators(
    ...ofOne(
      'Download the recipients who were not reached',
      'All failures in the order in which they occurred, one per line.',
    ),
    ApiProduces('application/x-ndjson'),
    ApiResponse({
      status: 200,
      description: 'A file with one failure per line, as JSON.',
      content: { 'application/x-ndjson': { schema: { type: 'string' }, example: failuresExample } },
    }),
  );

/** Documents `POST /broadcasts/:id/pause`. */
export const PauseBroadcastDocs = () =>
  applyDecorators(
    ...ofOne(
      'Pause a broadcast',
      'Answers once the requests in flight have been answered. Repeating the call is harmless.',
    ),
    state('It is paused.', { paused: broadcastExamples.paused }),
    tooLate('It is not running.'),
  );

/** Documents `POST /broadcasts/:id/resume`. */
export const ResumeBroadcastDocs = () =>
  applyDecorators(
    ...ofOne('Resume a paused broadcast', 'No recipient is sent the message twice.'),
    state('It is running, or waits for its start time.', { running: broadcastExamples.running }),
    tooLate('It has ended.'),
  );

/** Documents `POST /broadcasts/:id/resend`. */
export const ResendBroadcastDocs = () =>
  applyDecorators(
    ...ofOne(
      'Send again to the recipients who were refused or not sent to',
      'Only for a broadcast that has ended. Recipients with an unknown outcome are left out, because they may have the message.',
    ),
    state('It is running again.', { running: broadcastExamples.running }),
    tooLate('It has not ended, or no recipient was refused or not sent to.', 'No recipient was refused or not sent to'),
  );

/** Documents `DELETE /broadcasts/:id`. */
export const CancelBroadcastDocs = () =>
  applyDecorators(
    ...ofOne(
      'Cancel a broadcast',
      'Answers once the requests in flight have been answered. Repeating the call is harmless.',
    ),
    state('It is cancelled.', { cancelled: broadcastExamples.cancelled }),
    tooLate('It is done.'),
  );

const createDescription = [
  'As JSON, everything is in the body; topic ids may be bare integers.',
  'As an upload of any length, read line by line: `text/plain` with one recipient per line, or',
  '`application/x-ndjson` with a JSON string (or a topic id as a bare integer) per line. All other fields are then in the',
  'query, including the message; proxies may log the query and limit it to a few kilobytes.',
  'Nothing is sent before the upload is complete. An entry that is not an account or topic id is counted as `invalid` and left out.',
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
    ApiHttpError(404, 'No broadcast has this id.', 'No broadcast has the id spring-sale'),
  ];
}

function state(description: string, examples: Examples): MethodDecorator & ClassDecorator {
  return ApiResponse({ status: 200, description, type: BroadcastStateDto, examples });
}

function tooLate(description: string, message = 'The broadcast is done'): MethodDecorator & ClassDecorator {
  return ApiHttpError(409, description, message);
}

import { randomUUID } from 'node:crypto';
import {
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  type PipeTransform,
  UnsupportedMediaTypeException,
} from '@nestjs/common';
import type { Request } from 'express';
import type { MimcBroadcastMessage } from 'nestjs-mimc';
import { mediaType } from '../../../sample-api/src/http/media-type.js';
import { limitedBody, uploadFormat } from '../http/upload.js';
import { createValidationPipe } from '../../../sample-api/src/errors/validation.js';
import type { RecipientPages } from './audience/audience-spool.js';
import { listedRecipients } from './audience/listed-recipients.js';
import { type LineFormat, recipientsOf } from './audience/recipients.js';
// Not `import type`: the class is an injection token.
import { BroadcastLimits } from './broadcast-limits.js';
import type { BroadcastRequest } from './broadcast-request.js';
import { BroadcastDto, BroadcastUploadDto } from './broadcast.dto.js';

/** A client's request, in either of the two forms. */
export interface BroadcastInput {
  request: BroadcastRequest;
  /** Can be read once; an upload is received as it is read. */
  recipients: RecipientPages;
  /** Maps the library's name of a field to the client's. */
  fieldName: (field: string) => string;
}

/** The request, which {@link BroadcastInputPipe} turns into a {@link BroadcastInput}. */
export const TheRequest = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  context.switchToHttp().getRequest<Request>(),
);

/** Reads a broadcast as JSON, or as an upload of its audience with the other fields in the query. */
@Injectable()
export class BroadcastInputPipe implements PipeTransform<Request, Promise<BroadcastInput>> {
  readonly #validation = createValidationPipe();

  constructor(private readonly limits: BroadcastLimits) {}

  async transform(request: Request): Promise<BroadcastInput> {
    const format = uploadFormat(request);
    if (format !== undefined) return this.#upload(request, format);
    if (mediaType(request) === 'application/json') return this.#json(request);
    throw new UnsupportedMediaTypeException(
      'The body must be application/json, text/plain or application/x-ndjson, in UTF-8 and not compressed',
    );
  }

  async #json({ body }: Request): Promise<BroadcastInput> {
    const dto = await this.#check(BroadcastDto, body);
    const { id = randomUUID(), kind, startAt, message, options = {} } = dto;
    return {
      request: { id, kind, startAt, message, options: definedOf(options) },
      recipients: [listedRecipients(dto.recipients, kind)],
      fieldName: (field) => (field.startsWith('options.') ? field : `message.${field}`),
    };
  }

  async #upload(request: Request, format: LineFormat): Promise<BroadcastInput> {
    const {
      id = randomUUID(),
      kind,
      startAt,
      chunkSize,
      dedupeWindow,
      ...message
    } = await this.#check(BroadcastUploadDto, request.query);
    const { maxUploadBytes, maxLineBytes } = this.limits;
    return {
      request: {
        id,
        kind,
        startAt,
        message: definedOf<MimcBroadcastMessage>(message),
        options: definedOf({ chunkSize, dedupeWindow }),
      },
      recipients: recipientsOf(limitedBody(request, maxUploadBytes), { format, kind, maxLineBytes }),
      fieldName: (field) => field.replace(/^options\./, ''),
    };
  }

  async #check<T>(metatype: new () => T, value: unknown): Promise<T> {
    return this.#validation.transform(value, { type: 'body', metatype }) as Promise<T>;
  }
}

/** A copy without undefined fields. */
function definedOf<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

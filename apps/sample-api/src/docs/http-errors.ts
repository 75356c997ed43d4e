import { STATUS_CODES } from 'node:http';
import { applyDecorators, type Type } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiExtraModels,
  ApiProperty,
  ApiResponse,
  type ApiResponseOptions,
  getSchemaPath,
} from '@nestjs/swagger';
import { MimcErrorDto } from 'nestjs-mimc/swagger';

type Decorator = MethodDecorator & ClassDecorator;

/** The body of Nest's own exceptions. */
class HttpErrorDto {
  @ApiProperty({ type: 'integer' })
  statusCode!: number;

  @ApiProperty({ type: 'string', description: 'Reason phrase of the status.' })
  error!: string;

  @ApiProperty({ type: 'string' })
  message!: string;
}

/** Documents that a route needs the API key. */
export const ApiKeyNeeded = (): Decorator =>
  applyDecorators(
    ApiBearerAuth(),
    ApiHttpError(401, 'The API key is missing or wrong.', 'Send the API key as Authorization: Bearer <key>', {
      headers: { 'WWW-Authenticate': { description: 'The challenge of RFC 6750.', schema: { type: 'string' } } },
    }),
  );

/** Documents why a JSON body is refused before its DTO is validated. */
export const ApiJsonBody = (): Decorator =>
  applyDecorators(
    ApiHttpError(413, 'The body is too large for this server.', 'The body must not be larger than 262144 bytes', {}, [
      MimcErrorDto,
    ]),
    ApiHttpError(415, 'The body is not JSON in UTF-8.', 'The body must be application/json, in UTF-8'),
  );

/** Documents an exception of Nest, with its message as an example. `others` are further schemas of the same status. */
export function ApiHttpError(
  status: number,
  description: string,
  message: string,
  options: Pick<ApiResponseOptions, 'headers'> = {},
  others: readonly Type[] = [],
): Decorator {
  const value = { message, error: STATUS_CODES[status] ?? '', statusCode: status };
  const schemas = [...others, HttpErrorDto];
  return applyDecorators(
    ApiExtraModels(...schemas),
    ApiResponse({
      ...options,
      status,
      description,
      schema: { anyOf: schemas.map((schema) => ({ $ref: getSchemaPath(schema) })) },
      examples: { [`HTTP ${status}`]: { summary: message, value } },
    }),
  );
}

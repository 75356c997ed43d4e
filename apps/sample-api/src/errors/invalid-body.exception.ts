import { BadRequestException, HttpStatus } from '@nestjs/common';
import { MimcError, mimcErrorBody } from 'nestjs-mimc';

/**
 * A body that is refused before any DTO is looked at, answered as `MIMC_INVALID` is. It is no `MimcError`, as it is thrown
 * outside of the handlers, where the interceptor does not see it.
 */
export class InvalidBodyException extends BadRequestException {
  /** @param field what is wrong, when it is not the whole body */
  constructor(rule: string, message: string, field = '') {
    const violations = [{ field, rule, message }];
    const error = new MimcError({ code: 'MIMC_INVALID', outcome: 'not-sent', message, violations });
    super(mimcErrorBody(error, HttpStatus.BAD_REQUEST));
  }
}

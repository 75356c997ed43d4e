import './push-dtos.js';

export { ApiMimcErrors } from './api-mimc-errors.js';
export { MimcErrorDto, MimcViolationDto } from './mimc-error.dto.js';
export { BatchPushReceiptDto, CallReceiptDto, MimcTimingDto, PushReceiptDto } from './receipt.dto.js';

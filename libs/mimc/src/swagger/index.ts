import './push-dtos.js';
import './topic-dtos.js';

export { ApiMimcErrors, type ApiMimcErrorsOptions } from './api-mimc-errors.js';
export { MimcBroadcastProgressDto, MimcBroadcastSummaryDto } from './broadcast.dto.js';
export { MimcErrorDto, MimcViolationDto } from './mimc-error.dto.js';
export { BatchPushReceiptDto, CallReceiptDto, MimcTimingDto, PushReceiptDto } from './receipt.dto.js';

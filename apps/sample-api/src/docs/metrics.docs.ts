import { applyDecorators } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import { httpErrorExamples } from './error-examples.js';
import { jsonContent } from './openapi.js';

/** Documents `GET /metrics`. */
export const MetricsDocs = () =>
  applyDecorators(
    ApiTags('metrics'),
    ApiBearerAuth(),
    ApiOperation({ summary: 'Metrics of the pushes, for Prometheus' }),
    ApiProduces('text/plain'),
    ApiResponse({
      status: 200,
      description: 'Calls, recipients, retries, queues and quotas.',
      content: { 'text/plain': { schema: { type: 'string' }, example } },
    }),
    ApiResponse({
      status: 401,
      description: 'No or a wrong API key.',
      content: jsonContent(['HttpError'], httpErrorExamples.get(401) ?? {}),
    }),
  );

const example = `# HELP mimc_recipients_total Recipients of calls, by what became of the call
# TYPE mimc_recipients_total counter
mimc_recipients_total{mimc_endpoint="p2p",mimc_outcome="accepted"} 1
`;

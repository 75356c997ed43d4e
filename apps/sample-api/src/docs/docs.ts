import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { broadcastSchemas } from './broadcast-schemas.js';
import { errorSchemas } from './error-schemas.js';
import { healthSchemas } from './health-schemas.js';
import { pushSchemas } from './push-schemas.js';
import { receiptSchemas } from './receipt-schemas.js';

/** Serves Swagger UI at `/docs` and its document at `/openapi.json`, both from this server alone, so offline too. */
export function useDocs(app: INestApplication): void {
  SwaggerModule.setup('docs', app, () => createDocument(app), {
    jsonDocumentUrl: 'openapi.json',
    raw: ['json'],
    customSiteTitle: 'nestjs-mimc sample API',
    // The validator's badge would be loaded from elsewhere.
    swaggerOptions: { validatorUrl: null, persistAuthorization: true },
  });
}

/** The routes as Nest knows them, with the schemas by hand, as the DTOs of the library know nothing of Swagger. */
function createDocument(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('nestjs-mimc sample API')
    .setDescription('Pushes messages to accounts and groups through Xiaomi MIMC.')
    .setVersion('1')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'SAMPLE_API_KEY; in demo mode demo-key.' })
    .build();
  const document = SwaggerModule.createDocument(app, config);
  return {
    ...document,
    components: {
      ...document.components,
      schemas: { ...pushSchemas, ...receiptSchemas, ...broadcastSchemas, ...errorSchemas, ...healthSchemas },
    },
  };
}

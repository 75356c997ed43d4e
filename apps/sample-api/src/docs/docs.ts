import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';

/** Serves Swagger UI at `/docs` and its document at `/openapi.json`, without external resources, so also offline. */
export function useDocs(app: INestApplication): void {
  SwaggerModule.setup('docs', app, () => createDocument(app), {
    jsonDocumentUrl: 'openapi.json',
    raw: ['json'],
    customSiteTitle: 'nestjs-mimc sample API',
    // The validator's badge would be loaded from another server.
    swaggerOptions: { validatorUrl: null, persistAuthorization: true },
  });
}

/** Nest's routes, with the schemas of `nestjs-mimc/swagger` and of this application's own DTOs. */
function createDocument(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('nestjs-mimc sample API')
    .setDescription('Pushes messages to accounts and groups through Xiaomi MIMC.')
    .setVersion('1')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'SAMPLE_API_KEY; in demo mode demo-key.' })
    .build();
  return SwaggerModule.createDocument(app, config);
}

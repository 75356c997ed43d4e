import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';

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

/** The routes as Nest knows them; their schemas are those of `nestjs-mimc/swagger` and of this application's own DTOs. */
function createDocument(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('nestjs-mimc sample API')
    .setDescription('Pushes messages to accounts and groups through Xiaomi MIMC.')
    .setVersion('1')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'SAMPLE_API_KEY; in demo mode demo-key.' })
    .build();
  return SwaggerModule.createDocument(app, config);
}

export { instrumentMimc, type MimcInstrumentationOptions } from './instrument-mimc.js';
export { MimcOpenTelemetryModule, type MimcOpenTelemetryOptions } from './mimc-open-telemetry.module.js';

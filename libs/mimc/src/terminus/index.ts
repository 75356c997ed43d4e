export { MimcHealthIndicator, type MimcHealthOptions } from './mimc.health.js';

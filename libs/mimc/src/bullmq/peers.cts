import { importPeersOf, peersOf } from '../peers.cjs';

const PACKAGES = ['@nestjs/bullmq', 'bullmq', 'ioredis'];

/** Loads BullMQ and ioredis. */
export const loadPeers = peersOf('bullmq', PACKAGES, () => ({
  bullmq: require('bullmq') as typeof import('bullmq'),
  ioredis: require('ioredis') as typeof import('ioredis'),
}));

/** Nest's module for BullMQ, when a module of ours is put together. */
export function nestBullmq(): Promise<typeof import('@nestjs/bullmq')> {
  return importPeersOf('bullmq', PACKAGES, () => import('@nestjs/bullmq'));
}

import { peersOf } from '../peers.cjs';

const PACKAGES = ['bullmq', 'ioredis'];

/** Loads BullMQ and ioredis. */
export const loadPeers = peersOf('bullmq', PACKAGES, () => ({
  bullmq: require('bullmq') as typeof import('bullmq'),
  ioredis: require('ioredis') as typeof import('ioredis'),
}));

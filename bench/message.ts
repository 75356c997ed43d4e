/** What all clients send: with a recipient, a body of about 350 bytes. */
export const message = {
  fromAccount: 'news',
  fromResource: 'server',
  msg: 'A short message of the length that push messages have. '.repeat(3),
  msgType: '',
} as const;

/** Invented, as long as MIMC's. */
export const credentials = {
  appId: '1000000000000000001',
  appKey: '1000000000001',
  appSecret: 'aW52ZW50ZWQtc2VjcmV0IQ==',
};

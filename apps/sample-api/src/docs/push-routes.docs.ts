import { DocumentedPush } from './push-docs.js';

/** Documents `POST /push/p2p`. */
export const ToAccountDocs = () =>
  DocumentedPush({
    summary: 'Push a message to one account',
    body: 'PushToAccount',
    receipt: 'PushReceipt',
    bodies: {
      text: { summary: 'A text', value: { toAccount: 'alice', msg: 'hello' } },
      binary: { summary: 'Bytes', value: { toAccount: 'alice', msg: 'AAECAw==', msgType: 'base64' } },
      everything: {
        summary: 'Every field',
        value: {
          toAccount: 'alice',
          msg: 'hello',
          msgType: '',
          fromAccount: 'shop',
          fromResource: 'server',
          isStore: true,
          bizType: 'TEXT',
        },
      },
    },
  });

/** Documents `POST /push/p2p/more`. */
export const ToAccountsDocs = () =>
  DocumentedPush({
    summary: 'Push the same message to many accounts in one request',
    body: 'PushToAccounts',
    receipt: 'BatchPushReceipt',
    bodies: { text: { summary: 'A text', value: { toAccounts: ['alice', 'bob'], msg: 'hello' } } },
  });

/** Documents `POST /push/p2t`. */
export const ToTopicDocs = () =>
  DocumentedPush({
    summary: 'Push a message to one group',
    body: 'PushToTopic',
    receipt: 'PushReceipt',
    bodies: { text: { summary: 'A text', value: { topicId: '21351198708203521', msg: 'hello' } } },
  });

/** Documents `POST /push/p2t/more`. */
export const ToTopicsDocs = () =>
  DocumentedPush({
    summary: 'Push the same message to many groups in one request',
    body: 'PushToTopics',
    receipt: 'BatchPushReceipt',
    bodies: {
      text: { summary: 'A text', value: { topicIds: ['21351198708203521', '21351198708203522'], msg: 'hello' } },
    },
  });

import type { MimcEndpoint, MimcPushEndpoint } from '../index.js';
import type { Call } from '../internals.js';

type Other = Exclude<MimcEndpoint, MimcPushEndpoint>;

/** What MIMC answers to calls that are not pushes, made up from the request. */
export class RecordedAnswers {
  /** Odd, and beyond what a JavaScript number can hold, as those of MIMC may be. */
  #topicId = 9_007_199_254_740_993n;

  constructor(private readonly appId: string) {}

  /** The body of the answer to a call, for the call itself to read. */
  of(endpoint: Other, call: Call): string {
    return JSON.stringify({ code: 200, message: 'success', data: this.#dataOf(endpoint, call) });
  }

  #dataOf(endpoint: Other, call: Call): unknown {
    const account = actorOf(call);
    const json = call.fields?.replace(',', '{') ?? call.headed?.body ?? '{}';
    const body = JSON.parse(json) as Readonly<Record<string, string>>;
    switch (endpoint) {
      case 'account/token':
        return tokenOf(this.appId, body);
      case 'topic/create':
        return topicOf(this.#newId(), account, body);
      case 'topic/get':
      case 'topic/invite':
      case 'topic/kick':
      case 'topic/update':
        return topicOf(/\d+(?=\/accounts|\?|$)/.exec(call.headed?.path.split('?')[0] ?? '')?.[0] ?? '', account, body);
      case 'uctopic/create':
        return { topicId: this.#newId(), ...body };
      case 'uctopic/members':
        return { members: [{ uuid: '1', appAccout: account }], isEnd: true };
      case 'uctopic/online':
        return { topicId: call.headed?.headers['topicId'], userCnt: 1 };
      case 'topic/list':
      case 'uctopic/list':
        return [];
      default:
        return null;
    }
  }

  #newId(): string {
    this.#topicId += 2n;
    return String(this.#topicId);
  }
}

/** With values that no real one has. */
function tokenOf(appId: string, { appAccount }: Readonly<Record<string, string>>) {
  return { appId, appAccount, miUserId: `recorded:${appAccount}`, token: `recorded-token:${appAccount}` };
}

/** The group has the acting account and those that were named as members. */
function topicOf(topicId: string, account: string, body: Readonly<Record<string, string>>) {
  const { topicName = 'recorded', ownerAccount = account, bulletin = '', extra, accounts = '' } = body;
  const members = new Set([account, ...accounts.split(',')].filter((member) => member !== ''));
  return {
    topicInfo: { topicId, topicName, ownerAccount, bulletin, extra },
    members: [...members].map((member) => ({ account: member })),
  };
}

function actorOf({ headed }: Call): string {
  const { appAccount = '', appAccountEncode } = headed?.headers ?? {};
  return appAccountEncode === 'base64' ? Buffer.from(appAccount, 'base64').toString() : appAccount;
}

import { expect, type Locator, type Page } from '@playwright/test';

/** Of the demo; no other text on the page holds it. */
export const KEY = 'key-of-the-browser-tests';

export type PushName = 'p2p' | 'p2p/more' | 'p2t' | 'p2t/more';

/** The console, in the words of its users. */
export class ConsolePage {
  constructor(readonly page: Page) {}

  get calls(): Locator {
    return this.page.getByRole('list', { name: 'Outcomes' }).getByRole('listitem');
  }

  get messages(): Locator {
    return this.page.getByRole('list', { name: 'Inbox' }).getByRole('listitem');
  }

  async unlock(key = KEY): Promise<void> {
    await this.page.getByLabel('API key', { exact: true }).fill(key);
    await this.page.getByRole('button', { name: 'Unlock' }).click();
  }

  /** Resolves when the inbox and the status have arrived. */
  async isTold(): Promise<void> {
    await expect(this.page.locator('#fault-now')).not.toBeEmpty();
  }

  async choosePush(name: PushName): Promise<void> {
    await this.page.locator(`input[name="push"][value="${name}"]`).check();
  }

  field(label: string): Locator {
    return this.page.locator('#push-form').getByLabel(label, { exact: true });
  }

  async send(): Promise<void> {
    await this.page.getByRole('button', { name: 'Send push' }).click();
  }

  /** Fills in the form of a push and sends it; resolves when its outcome is listed. */
  async push(name: PushName, label: string, recipient: string, msg: string): Promise<void> {
    const before = await this.calls.count();
    await this.choosePush(name);
    await this.field(label).fill(recipient);
    await this.field('Message').fill(msg);
    await this.send();
    await expect(this.calls).toHaveCount(before + 1);
  }

  /** @param times value of the choice: '' for every request */
  async switchOn(fault: string, times = ''): Promise<void> {
    await this.page.getByLabel('Fault', { exact: true }).selectOption({ label: fault });
    await this.page.getByLabel('Affects').selectOption(times);
    await this.page.getByRole('button', { name: 'Switch on' }).click();
    await expect(this.page.locator('#fault-now')).toContainText(fault);
  }

  get run(): Locator {
    return this.page.locator('#run');
  }

  async startBroadcast({ recipients, msg = 'hello' }: { recipients: string[]; msg?: string }): Promise<void> {
    const form = this.page.locator('#broadcast-form');
    await form.getByLabel('Recipients', { exact: true }).fill(recipients.join('\n'));
    await form.getByLabel('Message').fill(msg);
    await form.getByRole('button', { name: 'Start broadcast' }).click();
    const file = await form.getByLabel('Or upload a file').inputValue();
    // The API refuses an empty one.
    if (recipients.length > 0 || file !== '') await this.confirm(/^Send to /);
  }

  /** Says yes to the question of a dialog. */
  async confirm(action: string | RegExp): Promise<void> {
    await this.page.getByRole('dialog').getByRole('button', { name: action }).click();
  }

  /** The broadcasts that are listed. */
  get listed(): Locator {
    return this.page.getByRole('region', { name: /^Running, scheduled and recent/ }).getByRole('listitem');
  }

  /** A count of the broadcast that is watched. */
  async counted(label: string): Promise<number> {
    const text = await this.run.locator('.counts > div', { hasText: label }).locator('dd').innerText();
    return Number(text.replaceAll(',', ''));
  }

  async counts(): Promise<Record<string, number>> {
    const labels = await this.run.locator('.counts dt').allInnerTexts();
    return Object.fromEntries(await Promise.all(labels.map(async (label) => [label, await this.counted(label)])));
  }

  async switchOff(): Promise<void> {
    await this.page.getByRole('button', { name: 'Switch off' }).click();
    await expect(this.page.locator('#fault-now')).toHaveText('No fault is active.');
  }

  /** How many messages the inbox says there are. */
  async messagesTold(): Promise<number> {
    const tally = await this.page.locator('#inbox-tally').innerText();
    return Number(tally.replaceAll(',', '').split(' ')[0]);
  }
}

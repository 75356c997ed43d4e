import type { Locator, Page } from '@playwright/test';

/** The console, in the words of who uses it. */
export class ConsolePage {
  constructor(readonly page: Page) {}

  get calls(): Locator {
    return this.page.getByRole('list', { name: 'Outcomes' }).getByRole('listitem');
  }

  get messages(): Locator {
    return this.page.getByRole('list', { name: 'Inbox' }).getByRole('listitem');
  }

  async unlock(key = 'demo-key'): Promise<void> {
    await this.page.getByLabel('API key', { exact: true }).fill(key);
    await this.page.getByRole('button', { name: 'Unlock' }).click();
  }

  async choosePush(name: 'p2p' | 'p2p/more' | 'p2t' | 'p2t/more'): Promise<void> {
    await this.page.locator(`input[name="push"][value="${name}"]`).check();
  }

  field(label: string): Locator {
    return this.page.locator('#push-form').getByLabel(label, { exact: true });
  }

  async send(): Promise<void> {
    await this.page.getByRole('button', { name: 'Send push' }).click();
  }
}

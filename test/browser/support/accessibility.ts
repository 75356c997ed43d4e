import { expect, type Page } from '@playwright/test';
import axe, { type AxeResults } from 'axe-core';

/** Expects that axe finds nothing serious, and that the page is no wider than the screen. */
export async function expectAccessible(page: Page, state: string): Promise<void> {
  // Through the debugger, so that the CSP stays as strict as it is.
  await page.evaluate(axe.source);
  const { violations }: AxeResults = await page.evaluate('axe.run(document, { resultTypes: ["violations"] })');
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const found = grave.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
  expect(found, state).toEqual([]);
  expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), state).toBeLessThanOrEqual(0);
}

import { expect, type Page } from '@playwright/test';
import axe, { type AxeResults } from 'axe-core';

/** Expects that axe finds nothing serious in either theme, and that the page is not wider than the screen. */
export async function expectAccessible(page: Page, state: string): Promise<void> {
  // Through the debugger, so that the CSP stays as strict as it is.
  if (await page.evaluate('globalThis.axe === undefined')) await page.evaluate(axe.source);
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme });
    expect(await graveViolations(page), `${state}, ${colorScheme}`).toEqual([]);
  }
  expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), state).toBeLessThanOrEqual(0);
}

async function graveViolations(page: Page): Promise<string[]> {
  const { violations }: AxeResults = await page.evaluate('axe.run(document, { resultTypes: ["violations"] })');
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  return grave.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
}

import { expect, type Page } from '@playwright/test';
import axe, { type AxeResults } from 'axe-core';

/** Expects that axe finds nothing serious in either theme, and that the page is not wider than the screen. */
export async function expectAccessible(page: Page, state: string): Promise<void> {
  // Through the debugger, so that the CSP stays as strict as it is.
  if (await page.evaluate('globalThis.axe === undefined')) await page.evaluate(axe.source);
  await page.emulateMedia({ colorScheme: 'dark' });
  // Of all that axe looks at, a theme changes only the colours.
  expect(await graveViolations(page, ['color-contrast']), `${state}, dark`).toEqual([]);
  await page.emulateMedia({ colorScheme: 'light' });
  expect(await graveViolations(page), `${state}, light`).toEqual([]);
  expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), state).toBeLessThanOrEqual(0);
}

/** @param rules all of axe's unless given */
async function graveViolations(page: Page, rules?: readonly string[]): Promise<string[]> {
  const options = JSON.stringify({ resultTypes: ['violations'], ...(rules !== undefined && { runOnly: rules }) });
  const { violations }: AxeResults = await page.evaluate(`axe.run(document, ${options})`);
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  return grave.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
}

// What a party's page says of what it plays. Songs are in no element that could be asked.
import type { Page } from '@playwright/test';

/** How far what is heard in the page is from the timeline, ms; undefined while nothing is heard. */
export async function heardOffMs(page: Page): Promise<number | undefined> {
  const errorMs = (element: Element): number | undefined => (element as Element & { errorMs?: number }).errorMs;
  return await page.locator('ud-party-sync').first().evaluate(errorMs);
}

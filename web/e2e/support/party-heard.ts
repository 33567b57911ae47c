// Reads the sync error from a party's page. Songs play without an element that could be queried.
import type { Page } from '@playwright/test';

/** The distance of the audible position from the timeline, ms; undefined while nothing is audible. */
export async function heardOffMs(page: Page): Promise<number | undefined> {
  const errorMs = (element: Element): number | undefined => (element as Element & { errorMs?: number }).errorMs;
  return await page.locator('ud-party-sync').first().evaluate(errorMs);
}

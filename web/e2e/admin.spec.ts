// The operator's page: nothing without the cluster secret, every node with it.
import { expect, test, type Browser, type Page } from '@playwright/test';

import { launchBrowser } from './support/browser.ts';
import { createStream } from './support/node-client.ts';
import { Undead } from './support/undead.ts';

const SECRET = 'a secret for the tests';

const SIGN_IN = { name: 'Sign in' };

let undead: Undead;
let browser: Browser;
let page: Page;

test.beforeEach(async () => {
  undead = await Undead.up({ UNDEAD_CLUSTER_SECRET: SECRET });
  browser = await launchBrowser();
  page = await browser.newPage();
  await page.goto(`${undead.url}/admin`);
});

test.afterEach(async () => {
  await browser.close();
  expect(await undead.stop()).toBe(0);
});

async function signIn(secret: string): Promise<void> {
  await page.getByLabel('Cluster secret').fill(secret);
  await page.getByRole('button', SIGN_IN).click();
}

test('an operator sees the nodes, and nobody else does', async () => {
  await signIn('another secret');
  await expect(page.getByRole('alert')).toContainText('not the cluster secret');
  await expect(page.getByRole('table')).toHaveCount(0);
  await signIn(SECRET);
  for (const node of ['cdn-a', 'cdn-b']) {
    await expect(page.getByRole('row', { name: node })).toContainText('live');
  }
  await expect(page.getByText('Capacity is right').or(page.getByText('can be stopped').first())).toBeVisible();
  await expect(page.getByText('2 nodes with nothing to carry')).toBeAttached();

  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page.getByRole('table')).toHaveCount(0);
  await expect(page.getByRole('button', SIGN_IN)).toBeVisible();
  await expect(page.getByLabel('Cluster secret')).toHaveValue('');
});

test('an operator ends a private stream by its link, once that is confirmed', async () => {
  const { stream_id } = await createStream(undead.url, 'Private', { visibility: 'private' });
  const state = async (): Promise<string> => {
    const info = (await (await fetch(`${undead.url}/api/streams/${stream_id}`)).json()) as { state: string };
    return info.state;
  };
  await signIn(SECRET);
  await page.getByRole('tab', { name: /^Streams/ }).click();
  const link = page.getByLabel('Link or ID of the stream');
  await link.fill('nothing like it');
  await page.getByRole('button', { name: 'End for everyone' }).click();
  await expect(page.getByRole('alert')).toContainText('neither a link nor an ID');
  await link.fill(`${undead.url}/view/${stream_id}`);
  await page.getByRole('button', { name: 'End for everyone' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  expect(await state()).toBe('created');
  await page.getByRole('button', { name: 'End for everyone' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'End for everyone' }).click();
  await expect(page.getByRole('status').filter({ hasText: 'has ended' })).toBeVisible();
  await expect.poll(state).toBe('ended');
});

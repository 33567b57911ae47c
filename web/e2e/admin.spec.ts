// The operator's page: nothing without the cluster secret, every node with it.
import { expect, test } from '@playwright/test';

import { launchBrowser } from './support/browser.ts';
import { Undead } from './support/undead.ts';

const SECRET = 'a secret for the tests';

test('an operator sees the nodes, and nobody else does', async () => {
  const undead = await Undead.up({ UNDEAD_CLUSTER_SECRET: SECRET });
  const browser = await launchBrowser();
  const page = await browser.newPage();
  await page.goto(`${undead.url}/admin`);
  const secret = page.getByLabel('Cluster secret');
  await secret.fill('another secret');
  await page.getByRole('button', { name: 'Show nodes' }).click();
  await expect(page.getByRole('alert')).toContainText('not the cluster secret');
  await expect(page.getByRole('table')).toHaveCount(0);
  await secret.fill(SECRET);
  await page.getByRole('button', { name: 'Show nodes' }).click();
  for (const node of ['cdn-a', 'cdn-b']) {
    await expect(page.getByRole('row', { name: node })).toContainText('live');
  }
  await expect(page.getByText('2 nodes with nothing to carry')).toBeVisible();
  await browser.close();
  expect(await undead.stop()).toBe(0);
});

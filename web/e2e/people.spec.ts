// Who may go live and who may watch, in the pages: stream keys, accounts, invitations.
import { expect, test } from '@playwright/test';

import { NAME, Operator, PASSWORD } from './support/operator.ts';
import { Broadcaster, type Viewer } from './support/pages.ts';
import { Stage } from './support/stage.ts';
import { Undead } from './support/undead.ts';

let undead: Undead;
let stage: Stage;

test.beforeEach(async () => {
  stage = await Stage.set();
});

test.afterEach(async () => {
  await stage.strike();
  expect(undead.errors()).toEqual([]);
  expect(await undead.stop()).toBe(0);
});

test('a stream key lets its holder go live, until an operator revokes it', async () => {
  undead = await Undead.up({ UNDEAD_BROADCAST: 'key' });
  const operator = await Operator.of(undead);
  const { key, key_id } = await operator.makeStreamKey('Tests');
  const page = await stage.page(`${undead.url}/live`);
  const field = page.locator('ud-live-access #key');
  await expect(page.getByRole('button', { name: 'Go live' })).toHaveCount(0);
  await field.fill('not the key');
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect(page.getByRole('alert')).toContainText('wrong, or it was revoked');
  await field.fill(key);
  await page.getByRole('button', { name: 'Continue' }).click();
  const broadcaster = await Broadcaster.goLive(page, 'By key');
  expect(page.url()).toBe(`${undead.url}/live`);
  const viewer = await stage.watch(broadcaster.watchUrl);
  await viewer.expectPicture();

  await operator.call('DELETE', `/api/stream-keys/${key_id}`);
  await expect(page.getByText('The operator ended this stream')).toBeVisible();
  await viewer.expectState('ended');
  await page.reload();
  await expect(field).toBeVisible();
});

test('an account lets its holder go live, and is shown in the header', async () => {
  undead = await Undead.up({ UNDEAD_BROADCAST: 'account' });
  await Operator.of(undead);
  const page = await stage.page(`${undead.url}/live`);
  await page.getByLabel('Name').fill(NAME);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('button', { name: `Account ${NAME}` })).toBeVisible();
  const broadcaster = await Broadcaster.goLive(page, 'By account');
  await broadcaster.end();
  await expect(page.getByText('Your stream has ended')).toBeVisible();
});

test('an invitation admits as many viewers as it allows, reloads not counted, until it is revoked', async () => {
  undead = await Undead.up();
  const page = await stage.page(`${undead.url}/live`);
  await page.getByLabel('Private').check();
  const broadcaster = await Broadcaster.goLive(page, 'By invitation');
  await page.getByLabel('For whom').fill('One viewer');
  await page.getByRole('button', { name: 'Make an invitation link' }).click();
  const link = await page.getByLabel('Invitation link').inputValue();
  expect(link).toContain(`${broadcaster.watchUrl}#invitation=`);

  const stranger = await stage.watch(broadcaster.watchUrl);
  await stranger.expectState('uninvited');
  await expect(stranger.page.getByText('by invitation')).toBeVisible();

  const guest = await stage.watch(link);
  await guest.expectPicture();
  await expect(guest.page).toHaveURL(broadcaster.watchUrl);
  await guest.page.reload();
  await guest.expectPicture();
  await expectRefused(await stage.watch(link), 'This invitation is used up');
  await expect(page.getByText('Used up')).toBeVisible();

  await page.getByRole('button', { name: 'Revoke One viewer' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await expectRefused(guest, 'This invitation was revoked');
  await expectRefused(await stage.watch(link), 'This invitation was revoked');
});

async function expectRefused(viewer: Viewer, words: string): Promise<void> {
  await viewer.expectState('uninvited');
  await expect(viewer.page.getByText(words)).toBeVisible();
}

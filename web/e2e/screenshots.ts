// Every page in every state, light and dark, on a desktop and on a phone in both orientations: pictures to look at, not
// a test. `SCREENSHOTS=folder npm run screenshots` writes them there (web/screenshots by default).
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, test, type Page } from '@playwright/test';

import { createStream } from './support/node-client.ts';
import { Broadcaster } from './support/pages.ts';
import * as jobs from './support/job-scenes.ts';
import * as library from './support/library-scenes.ts';
import * as parties from './support/party-scenes.ts';
import * as scenes from './support/scenes.ts';
import { Stage } from './support/stage.ts';
import { Undead } from './support/undead.ts';

const FOLDER = process.env.SCREENSHOTS ?? fileURLToPath(new URL('../screenshots/', import.meta.url));

const SCREENS = {
  desktop: { width: 1280, height: 800 },
  phone: { width: 390, height: 844 },
  landscape: { width: 844, height: 390 },
};

test.describe.configure({ timeout: 180_000 });

let undead: Undead;
let stage: Stage;

test.beforeAll(async () => {
  await mkdir(FOLDER, { recursive: true });
  undead = await Undead.up();
});

test.beforeEach(async () => {
  stage = await Stage.set(false, [], 'block');
});

test.afterEach(async () => {
  await stage.strike();
});

test.afterAll(async () => {
  await undead.stop();
});

/** Takes pictures of `page` in each theme and on each screen: the whole page, or only the visible part. */
async function shoot(page: Page, name: string, fullPage = true): Promise<void> {
  for (const [screen, size] of Object.entries(SCREENS)) {
    await page.setViewportSize(size);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.waitForTimeout(300);
      await page.screenshot({ path: path.join(FOLDER, `${name}.${screen}.${colorScheme}.png`), fullPage });
    }
  }
}

/** On a phone the bar hides this button beside a panel. */
async function pressKeysButton(page: Page): Promise<void> {
  await page.setViewportSize(SCREENS.desktop);
  await page.locator('video').hover();
  await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
}

async function open(address: string, prepare?: (page: Page) => Promise<void>): Promise<Page> {
  return await stage.page(`${undead.url}${address}`, prepare);
}

test('home and list', async () => {
  await shoot(await open('/'), 'home-empty');
  await shoot(await open('/', scenes.catalogue(scenes.STREAMS)), 'home-streams');
  await shoot(await open('/view'), 'view-empty');
  await shoot(await open('/view', scenes.catalogue(undefined)), 'view-loading');
  await shoot(await open('/view', scenes.catalogue(scenes.STREAMS)), 'view-streams');
  const away = await open('/view', scenes.serverAway);
  await expect(away.getByText('can’t be reached')).toBeVisible();
  await shoot(away, 'view-unreachable');
  const menu = await open('/view', scenes.catalogue(scenes.STREAMS));
  await menu.getByRole('button', { name: 'Appearance' }).click();
  await shoot(menu, 'appearance-menu', false);
  await shoot(await open('/nowhere'), '404');
  await shoot(await open('/styleguide'), 'styleguide');
});

test('going live', async () => {
  await shoot(await open('/live'), 'live-setup');
  await shoot(await open('/live', scenes.insecure), 'live-insecure');
  await shoot(await open('/live', scenes.phone), 'live-setup-phone');
  const page = await open('/live', scenes.denied);
  await page.getByLabel('Private').check();
  await page.getByText('Quality: Standard').click();
  await page.getByRole('button', { name: 'Share a screen' }).click();
  await expect(page.getByRole('alert')).toBeVisible();
  await shoot(page, 'live-denied-options');
});

test('on air', async () => {
  const { page } = await stage.goLive(undead.url, 'Painted clock');
  await page.waitForTimeout(7_000);
  await shoot(page, 'onair-public');
  await page.getByRole('button', { name: 'End stream' }).click();
  await shoot(page, 'onair-ending', false);
  await page.getByRole('button', { name: 'Cancel' }).click();
  const opened = page.waitForEvent('popup');
  await page.evaluate(() => void window.open('/live'));
  const copy = await opened;
  await expect(copy.getByText(/Painted clock.* is live/).first()).toBeVisible();
  await shoot(copy, 'live-offer');
  await copy.close();
  await stage.closeSource();
  await expect(page.getByText('Nothing is shared right now')).toBeVisible();
  await shoot(page, 'onair-interrupted');
  await page.getByRole('button', { name: 'End stream' }).click();
  await page.getByRole('button', { name: 'End for everyone' }).click();
  await expect(page.getByText('Your stream has ended')).toBeVisible();
  await shoot(page, 'live-over');
});

test('on air for few', async () => {
  const page = await open('/live');
  await page.getByLabel('Private').check();
  await page.getByRole('textbox', { name: /Passphrase/ }).fill('open sesame');
  const { watchUrl } = await Broadcaster.goLive(page, 'Family dinner');
  await page.waitForTimeout(7_000);
  await page.getByRole('button', { name: 'Show' }).click();
  await shoot(page, 'onair-private');
  const viewer = await stage.page(watchUrl);
  await expect(viewer.getByLabel('Passphrase')).toBeVisible();
  await viewer.getByLabel('Passphrase').fill('wrong');
  await viewer.getByLabel('Passphrase').press('Enter');
  await expect(viewer.getByRole('alert')).toBeVisible();
  await shoot(viewer, 'watch-locked');
});

test('watching', async () => {
  const broadcaster = await stage.goLive(
    undead.url,
    'Painted clock, with a title that takes more than one line on a phone',
  );
  const { page } = await stage.watch(broadcaster.watchUrl, scenes.others);
  await expect(page.locator('ud-player')).toHaveAttribute('data-join-ms', /\d/);
  await page.waitForTimeout(2_000);
  await shoot(page, 'watch-live');
  await page.keyboard.press('i');
  await shoot(page, 'watch-stats');
  await pressKeysButton(page);
  await shoot(page, 'watch-keys');
  await pressKeysButton(page);
  const { page: embed } = await stage.watch(broadcaster.watchUrl.replace('/view/', '/embed/'));
  await expect(embed.locator('ud-player')).toHaveAttribute('data-join-ms', /\d/);
  await embed.keyboard.press('i');
  await shoot(embed, 'embed-stats');
  await stage.closeSource();
  await expect(page.getByText('Reconnecting')).toBeVisible();
  await shoot(page, 'watch-interrupted');
  await broadcaster.end();
  await expect(page.getByText('This stream has ended')).toBeVisible();
  await shoot(page, 'watch-ended');
  await shoot(await open(`/view/${'0'.repeat(32)}`), 'watch-not-found');
  const { stream_id } = await createStream(undead.url, 'Soon');
  await shoot(await open(`/view/${stream_id}`), 'watch-waiting');
  await shoot(await open(`/view/${stream_id}`, scenes.full), 'watch-full');
  await shoot(await open(`/view/${stream_id}`, scenes.serverAway), 'watch-unreachable');
});

test('operations', async () => {
  await shoot(await open('/admin', scenes.me(null, 'open', true)), 'admin-setup-needed');
  await shoot(await open('/admin#setup=token', scenes.me(null, 'open', true)), 'admin-setup');
  const out = await open('/admin', scenes.me(null));
  await shoot(out, 'admin-signed-out');
  await out.getByLabel('Name').fill('ann');
  await out.getByLabel('Password').fill('wrong password');
  await out.getByRole('button', { name: 'Sign in' }).click();
  await expect(out.getByRole('alert')).toBeVisible();
  await shoot(out, 'admin-wrong-password');
  const operator = scenes.all(scenes.me(scenes.OPERATOR), scenes.people, scenes.cluster);
  const page = await open('/admin', operator);
  await expect(page.getByRole('table')).toBeVisible();
  await shoot(page, 'admin-nodes');
  await page.getByRole('tab', { name: /^Streams/ }).click();
  await shoot(page, 'admin-streams');
  await page.getByRole('button', { name: 'End', exact: true }).first().click();
  await shoot(page, 'admin-ending', false);
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('tab', { name: 'Accounts' }).click();
  await expect(page.getByText('bob@studio')).toBeVisible();
  await shoot(page, 'admin-accounts');
  await page.getByRole('button', { name: 'Actions for bob@studio' }).click();
  await shoot(page, 'admin-account-menu', false);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Add an account' }).click();
  await shoot(page, 'admin-account-new', false);
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('tab', { name: 'Stream keys' }).click();
  await expect(page.getByText('OBS in the studio')).toBeVisible();
  await page.getByLabel('Name of the new key').fill('Phone');
  await page.getByRole('button', { name: 'Make a key' }).click();
  await expect(page.getByText('is ready')).toBeVisible();
  await shoot(page, 'admin-keys');
  await page.getByRole('button', { name: 'Account ann' }).click();
  await shoot(page, 'account-menu', false);
  await page.getByRole('menuitem', { name: 'Change password' }).click();
  await shoot(page, 'account-password', false);
  await shoot(await open('/admin', scenes.all(scenes.me(scenes.BROADCASTER), scenes.people)), 'admin-broadcaster');
});

test('going live with a key or an account', async () => {
  await shoot(await open('/live', scenes.me(null, 'key')), 'live-access-key');
  const page = await open('/live', scenes.me(null, 'key'));
  await page.locator('ud-live-access #key').fill('wrong');
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect(page.getByRole('alert')).toBeVisible();
  await shoot(page, 'live-access-wrong');
  await shoot(await open('/live', scenes.me(null, 'account')), 'live-access-account');
  await shoot(await open('/live', scenes.me(scenes.BROADCASTER, 'account')), 'live-signed-in');
});

test('invitations', async () => {
  const page = await open('/live', scenes.invitations);
  await page.getByLabel('Private').check();
  await shoot(page, 'live-setup-private');
  await page.getByRole('textbox', { name: /Passphrase/ }).fill('open sesame');
  await Broadcaster.goLive(page, 'Family dinner');
  await page.getByLabel('For whom').fill('Neighbours');
  await page.getByRole('button', { name: 'Make an invitation link' }).click();
  await expect(page.getByText('Neighbours')).toBeVisible();
  await shoot(page, 'onair-invitations');
  const { stream_id } = await createStream(undead.url, 'By invitation');
  for (const reason of ['missing', 'used_up', 'expired', 'revoked']) {
    await shoot(await open(`/view/${stream_id}#invitation=x`, scenes.uninvited(reason)), `watch-uninvited-${reason}`);
  }
});

test('parties', async () => {
  await shoot(await open('/parties'), 'parties-empty');
  const list = await open('/parties', parties.list);
  await shoot(list, 'parties');
  await list.getByRole('button', { name: 'Start a party' }).click();
  await shoot(list, 'party-start', false);
  await shoot(await open(parties.PARTY, parties.inParty(parties.hosted())), 'party-join');
  const host = await open(parties.PARTY, parties.inParty(parties.hosted(), 'm1', [parties.REPORTS]));
  await shoot(host, 'party-host');
  await host.getByRole('button', { name: 'Invite' }).click();
  await shoot(host, 'party-invite', false);
  await host.getByRole('button', { name: 'Done' }).click();
  await host.getByRole('button', { name: 'Add', exact: true }).click();
  await shoot(host, 'party-add', false);
  await host.getByRole('button', { name: 'Done' }).click();
  await host.getByRole('button', { name: 'More' }).click();
  await host.getByRole('menuitem', { name: 'Party settings' }).click();
  await shoot(host, 'party-settings', false);
  await shoot(await open(parties.PARTY, parties.inParty(parties.voting(), 'm3', [parties.REPORTS])), 'party-vote');
  await shoot(await open(parties.PARTY, parties.nowhere), 'party-nowhere');
  const ended: [string, object] = ['ended', { reason: 'ended' }];
  await shoot(await open(parties.PARTY, parties.inParty(parties.hosted(), 'm1', [ended])), 'party-over');
});

test('library', async () => {
  await shoot(await open('/library', library.list([])), 'library-empty');
  const list = await open('/library', library.list());
  await expect(list.getByText('Morning show')).toBeVisible();
  await shoot(list, 'library');
  const early = await open(library.ITEM, library.one({ kind: 'recording', error: 'the library is full' }));
  await expect(early.getByText('ended before its stream')).toBeVisible();
  await shoot(early, 'item-ended-early');
  const failed = library.one({ state: 'failed', error: 'frame 1204 is damaged', duration_ms: 0, bytes: 0, tracks: [] });
  await shoot(await open(library.ITEM, failed), 'item-failed');
  const processing = library.one({ state: 'processing', duration_ms: 0, bytes: 0, tracks: [] });
  await shoot(await open(library.ITEM, processing), 'item-processing');
  const locked = await open(library.ITEM, library.locked);
  await expect(locked.getByLabel('Passphrase')).toBeVisible();
  await shoot(locked, 'item-locked');
});

test('jobs and karaoke', async () => {
  await shoot(await open('/jobs', jobs.queue([], [])), 'jobs-empty');
  const page = await open('/jobs', jobs.queue());
  await page.getByRole('button', { name: 'Details of Midnight Motorway' }).click();
  await expect(page.getByRole('region', { name: 'Attempts of' })).toBeVisible();
  await shoot(page, 'jobs');
  await page.getByRole('tab', { name: /^Workers/ }).click();
  await shoot(page, 'jobs-workers');
  const making = await open(jobs.SONG, jobs.item([jobs.job()]));
  await expect(making.getByText('57 %')).toBeVisible();
  await shoot(making, 'karaoke-making');
  await making.getByRole('button', { name: 'Export' }).click();
  await shoot(making, 'export', false);
  const singing = await open(jobs.KARAOKE, jobs.karaoke());
  await expect(singing.getByRole('button', { name: 'Rain against the glass' })).toBeVisible();
  await shoot(singing, 'karaoke');
  await shoot(await open(jobs.KARAOKE, jobs.karaoke(false)), 'karaoke-no-lyrics');
});

// Accessibility problems that axe finds on every page: names, roles, labels, contrast (WCAG 2.2 A and AA), in both
// themes.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

import type { AxeResults, RunOptions } from 'axe-core';
import { expect, test, type Browser, type Page } from '@playwright/test';

import { launchBrowser } from './support/browser.ts';
import * as jobs from './support/job-scenes.ts';
import * as library from './support/library-scenes.ts';
import * as parties from './support/party-scenes.ts';
import * as scenes from './support/scenes.ts';
import { Undead } from './support/undead.ts';

const RULES: RunOptions = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] };

let undead: Undead;
let browser: Browser;
let axe: string;

test.beforeAll(async () => {
  undead = await Undead.up();
  browser = await launchBrowser();
  axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
});

test.afterAll(async () => {
  await browser.close();
  expect(await undead.stop()).toBe(0);
});

/** The violations found by axe, as `rule: element`. */
async function violations(page: Page): Promise<string[]> {
  // Not added as a <script>, because the pages' content security policy forbids inline scripts.
  await page.evaluate(axe);
  const found = await page.evaluate(async (options) => {
    const { axe } = window as unknown as { axe: { run(options: RunOptions): Promise<AxeResults> } };
    const { violations } = await axe.run(options);
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
  }, RULES);
  return found;
}

async function open(address: string, prepare?: (page: Page) => Promise<void>): Promise<Page> {
  const page = await browser.newPage({ reducedMotion: 'reduce', serviceWorkers: 'block' });
  await prepare?.(page);
  await page.goto(`${undead.url}${address}`);
  await expect(page.getByRole('heading').first()).toBeVisible();
  return page;
}

async function operations(section: RegExp, shows: string): Promise<Page> {
  const operator = scenes.all(scenes.me(scenes.OPERATOR), scenes.people, scenes.cluster);
  const page = await open('/admin', operator);
  await page.getByRole('tab', { name: section }).click();
  await expect(page.getByRole('table')).toContainText(shows);
  return page;
}

async function newAccount(): Promise<Page> {
  const page = await operations(/^Accounts/, 'bob');
  await page.getByRole('button', { name: 'Add an account' }).click();
  return page;
}

async function refused(): Promise<Page> {
  const page = await open(`/view/${'0'.repeat(32)}#invitation=x`, scenes.uninvited('used_up'));
  await expect(page.getByText('is used up')).toBeVisible();
  return page;
}

async function privateSetup(): Promise<Page> {
  const page = await open('/live', scenes.me(scenes.BROADCASTER, 'account'));
  await page.getByLabel('Private').check();
  return page;
}

async function optionsOpen(): Promise<Page> {
  const page = await open('/live', scenes.insecure);
  await page.getByText('Quality: Standard').click();
  return page;
}

async function noStream(): Promise<Page> {
  const page = await open(`/view/${'0'.repeat(32)}`);
  await expect(page.getByText('No stream here')).toBeVisible();
  return page;
}

async function menuOpen(): Promise<Page> {
  const page = await open('/view', scenes.catalogue(scenes.STREAMS));
  await page.getByRole('button', { name: 'Appearance' }).click();
  await expect(page.getByRole('menu')).toBeVisible();
  return page;
}

const { PARTY } = parties;

async function startingParty(): Promise<Page> {
  const page = await open('/parties', parties.list);
  await page.getByRole('button', { name: 'Start a party' }).click();
  return page;
}

/** A party's page as its host sees it, after pressing the buttons or menu items with these names. */
async function hosting(state: object, ...names: string[]): Promise<Page> {
  const page = await open(PARTY, parties.inParty(state, 'm1', [parties.REPORTS]));
  await expect(page.getByText('−18 ms')).toBeVisible();
  for (const name of names)
    await page.getByRole('button', { name, exact: true }).or(page.getByRole('menuitem', { name })).first().click();
  return page;
}

async function jobOpened(): Promise<Page> {
  const page = await open('/jobs', jobs.queue());
  await page.getByRole('button', { name: 'Details of Midnight Motorway' }).click();
  await expect(page.getByRole('region', { name: 'Attempts of' })).toBeVisible();
  return page;
}

async function workers(): Promise<Page> {
  const page = await open('/jobs', jobs.queue());
  await page.getByRole('tab', { name: /^Workers/ }).click();
  return page;
}

async function making(): Promise<Page> {
  const page = await open(jobs.SONG, jobs.item([jobs.job()]));
  await expect(page.getByText('57 %')).toBeVisible();
  return page;
}

async function exporting(): Promise<Page> {
  const page = await open(jobs.SONG, jobs.item());
  await page.getByRole('button', { name: 'Export' }).click();
  await page.getByLabel('Only part of it').check();
  return page;
}

async function singing(): Promise<Page> {
  const page = await open(jobs.KARAOKE, jobs.karaoke());
  await expect(page.getByRole('button', { name: 'Rain against the glass' })).toBeVisible();
  return page;
}

async function list(): Promise<Page> {
  const page = await open('/library', library.list());
  await expect(page.getByText('Morning show')).toBeVisible();
  return page;
}

async function endedEarly(): Promise<Page> {
  const page = await open(library.ITEM, library.one({ kind: 'recording', error: 'the library is full' }));
  await expect(page.getByText('ended before its stream')).toBeVisible();
  return page;
}

async function lockedItem(): Promise<Page> {
  const page = await open(library.ITEM, library.locked);
  await expect(page.getByLabel('Passphrase')).toBeVisible();
  return page;
}

const PAGES: Record<string, () => Promise<Page>> = {
  home: () => open('/', scenes.catalogue(scenes.STREAMS)),
  'an empty list': () => open('/view'),
  'an open menu': menuOpen,
  'going live': () => open('/live'),
  'going live from an insecure address': optionsOpen,
  'a stream there is not': noStream,
  'going live privately, signed in': privateSetup,
  'going live where that needs a key': () => open('/live', scenes.me(null, 'key')),
  'going live where that needs an account': () => open('/live', scenes.me(null, 'account')),
  'an invitation that is refused': refused,
  'setting up': () => open('/admin#setup=token', scenes.me(null, 'open', true)),
  'operations, signed out': () => open('/admin', scenes.me(null)),
  'operations, nodes': () => operations(/^Nodes/, 'cdn-amsterdam-1'),
  'operations, streams': () => operations(/^Streams/, 'Family dinner'),
  'operations, accounts': () => operations(/^Accounts/, 'bob'),
  'operations, a new account': newAccount,
  'operations, stream keys': () => operations(/^Stream keys/, 'OBS'),
  'stream keys of a broadcaster': () => open('/admin', scenes.all(scenes.me(scenes.BROADCASTER), scenes.people)),
  'a page there is not': () => open('/nowhere'),
  'the list of parties': () => open('/parties', parties.list),
  'an empty list of parties': () => open('/parties'),
  'starting a party': startingParty,
  'joining a party': () => open(PARTY, parties.inParty(parties.hosted())),
  'a party with a host': () => hosting(parties.hosted()),
  'a party that votes': () => hosting(parties.voting()),
  'a party in which nothing plays': () => hosting(parties.hosted({ queue: [], timeline: parties.NOTHING })),
  'inviting to a private party': () => hosting(parties.hosted({ access: 'private', people: ['carol'] }), 'Invite'),
  'adding to a party': () => hosting(parties.hosted(), 'Add'),
  'settings of a party': () => hosting(parties.hosted(), 'More', 'Party settings'),
  'a party that ended': () => open(PARTY, parties.inParty(parties.hosted(), 'm1', [['ended', { reason: 'kicked' }]])),
  'a party there is not': () => open(PARTY, parties.nowhere),
  'the library': list,
  'an empty library': () => open('/library', library.list([])),
  'a recording that ended early': endedEarly,
  'a private item': lockedItem,
  'jobs, one of them opened': jobOpened,
  workers: workers,
  'jobs where there are none': () => open('/jobs', jobs.queue([], [])),
  'jobs, signed out': () => open('/jobs', scenes.me(null)),
  'a song whose karaoke is made': making,
  'exporting a song': exporting,
  'a song with lyrics': singing,
  'a song without lyrics': () => open(jobs.KARAOKE, jobs.karaoke(false)),
  'the style guide': () => open('/styleguide'),
};

for (const [name, visit] of Object.entries(PAGES)) {
  test(`axe finds nothing on ${name}`, async () => {
    const page = await visit();
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await violations(page), colorScheme).toEqual([]);
    }
    await page.close();
  });
}

test('on an insecure address unavailable buttons are disabled, and the page explains a remedy', async () => {
  const page = await open('/live', scenes.insecure);
  await expect(page.getByRole('button', { name: 'Go live' })).toBeDisabled();
  await expect(page.getByRole('button', { name: /Share a screen|Use a camera/ })).toHaveCount(0);
  await expect(page.getByLabel('Add my microphone')).toBeDisabled();
  await expect(page.getByRole('alert')).toContainText('ask the operator');
  await expect(page.getByRole('link', { name: 'Try this page over https' })).toHaveAttribute(
    'href',
    /^https:.*\/live$/,
  );
  await page.close();
});

test('no page is wider than a phone, in either orientation', async () => {
  for (const visit of Object.values(PAGES)) {
    const page = await visit();
    for (const [width, height] of [
      [390, 844],
      [844, 390],
      [360, 740],
    ] as const) {
      await page.setViewportSize({ width, height });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(wide, `${page.url()} at ${width} px`).toBeLessThanOrEqual(width);
    }
    await page.close();
  }
});

test('an unknown page has the usual header, and status 404', async () => {
  const page = await browser.newPage();
  const answer = await page.goto(`${undead.url}/nowhere`);
  expect(answer?.status()).toBe(404);
  await expect(page.getByRole('navigation').getByRole('link', { name: 'Watch' })).toBeVisible();
  await expect(page.getByRole('heading', { name: 'This page does not exist' })).toBeVisible();
  await page.close();
});

test('an empty start page has one button to go live', async () => {
  const page = await open('/');
  await expect(page.getByText('No one is live right now')).toBeVisible();
  await expect(page.getByRole('link', { name: 'Go live' })).toHaveCount(1);
  await page.close();
});

test('a chosen theme persists, and the page has it before its first paint', async () => {
  const page = await open('/view');
  const background = (): Promise<string> =>
    page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await background();
  await page.getByRole('button', { name: 'Appearance' }).click();
  await page.getByRole('menuitemradio', { name: 'Dark' }).click();
  expect(await background()).not.toBe(light);
  // Without the page's modules, only the early script has run.
  await page.route('**/assets/*.js', (route) => route.abort());
  await page.reload();
  expect(await background()).not.toBe(light);
  await page.close();
});

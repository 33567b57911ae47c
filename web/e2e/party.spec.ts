// Parties in the pages, on a real server: a host plays for a member, members vote, a private party reveals nothing to
// strangers, and a removed member stays out.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { expect, test, type Browser, type Page } from '@playwright/test';

import { launchBrowser } from './support/browser.ts';
import { heardOffMs } from './support/party-heard.ts';
import { Operator } from './support/operator.ts';
import { Complaints } from './support/pages.ts';
import { Undead } from './support/undead.ts';

const SONGS = ['Low tone', 'Middle tone', 'High tone'];

let undead: Undead;
let operator: Operator;
let browser: Browser;
let complaints: Complaints;

test.beforeAll(async () => {
  undead = await Undead.up();
  operator = await Operator.of(undead);
  const folder = await mkdtemp(path.join(tmpdir(), 'undead-songs-'));
  for (const [n, title] of SONGS.entries()) {
    const file = path.join(folder, `${title}.mp3`);
    const tone = ['-f', 'lavfi', '-i', `sine=frequency=${220 * (n + 1)}:duration=60`, '-metadata', `title=${title}`];
    await promisify(execFile)('ffmpeg', ['-loglevel', 'error', '-y', ...tone, '-b:a', '64k', file]);
    await operator.upload(`${title}.mp3`, await readFile(file));
  }
  await rm(folder, { recursive: true, force: true });
  browser = await launchBrowser();
});

test.beforeEach(() => {
  complaints = new Complaints();
});

test.afterEach(() => {
  expect(complaints.lines).toEqual([]);
});

test.afterAll(async () => {
  await browser.close();
  expect(undead.errors()).toEqual([]);
  await undead.stop();
});

/** Opens a page in a new browser context, for one person. */
async function person(address: string): Promise<Page> {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
  complaints.watch(page);
  await page.goto(address);
  return page;
}

/** Starts a party as a guest. Returns its host's page. */
async function start(title: string, ...choices: string[]): Promise<Page> {
  return await startOn(await person(`${undead.url}/parties`), title, ...choices);
}

async function startOn(page: Page, title: string, ...choices: string[]): Promise<Page> {
  await page.getByRole('button', { name: 'Start a party' }).click();
  await page.getByLabel('Title').fill(title);
  await page.getByLabel('Your name').fill('Ann');
  for (const choice of choices) await page.getByRole('radio', { name: choice }).check();
  await page.getByRole('button', { name: 'Start the party' }).click();
  await expect(page.getByRole('heading', { level: 1, name: title })).toBeVisible();
  return page;
}

async function join(address: string, name: string): Promise<Page> {
  const page = await person(address);
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Join', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'Here now' })).toBeVisible();
  return page;
}

/** Adds items of the library to the party. */
async function add(page: Page, ...titles: string[]): Promise<void> {
  await page
    .getByRole('button', { name: /^(Add|Suggest)$/ })
    .first()
    .click();
  const dialog = page.getByRole('dialog');
  for (const title of titles) {
    await dialog.getByRole('searchbox').fill(title);
    await dialog.getByRole('button', { name: `Add ${title}` }).click();
    // Other rows say the same until the list is filtered.
    await expect(dialog.getByRole('listitem').filter({ hasText: title }).getByText('Added')).toBeVisible();
  }
  await dialog.getByRole('button', { name: 'Done' }).click();
}

const playing = (page: Page): ReturnType<Page['locator']> => page.locator('ud-party-stage h2');

const skip = (page: Page): ReturnType<Page['locator']> =>
  page.locator('ud-party-stage').getByRole('button', { name: 'Skip' });

async function choose(page: Page, name: string, choice: string): Promise<void> {
  await page.getByRole('button', { name: `Actions for ${name}` }).click();
  await page.getByRole('menuitem', { name: choice }).click();
}

test('a host plays; a member hears it, suggests, chats, and is removed', async () => {
  const host = await start('Friday night');
  await add(host, 'Low tone');
  await host
    .getByRole('button', { name: 'Play for everyone' })
    .or(playing(host).getByText('Low tone'))
    .first()
    .waitFor();
  const play = host.getByRole('button', { name: 'Play for everyone' });
  if (await play.isVisible()) await play.click();
  await expect(playing(host)).toHaveText('Low tone');

  const member = await join(host.url(), 'Bob');
  await expect(playing(member)).toHaveText('Low tone');
  await expect.poll(() => heardOffMs(member), { timeout: 40_000 }).toBeDefined();
  await expect(member.getByRole('button', { name: 'Pause for everyone' })).toHaveCount(0);
  await expect(host.locator('ud-party-members').getByText('Bob')).toBeVisible();

  await host.getByRole('button', { name: 'Pause for everyone' }).click();
  await expect(member.locator('ud-party-stage').getByText('Paused')).toBeVisible();
  await host.getByRole('button', { name: 'Play for everyone' }).click();
  await expect(member.locator('ud-party-stage').getByText('Paused')).toHaveCount(0);

  await add(member, 'Middle tone');
  await host.getByRole('button', { name: 'Accept Middle tone' }).click();
  await add(host, 'High tone');
  await host.getByRole('button', { name: /^Move High tone, place 2 of 2/ }).press('ArrowUp');
  const queued = member.locator('ud-party-queue li strong');
  await expect(queued).toHaveText(['High tone', 'Middle tone']);

  // The same with the mouse.
  const [from, to] = [/^Move Middle tone/, /^Move High tone/].map((name) => host.getByRole('button', { name }));
  const [start1, end] = [await from?.boundingBox(), await to?.boundingBox()];
  if (!start1 || !end) throw new Error('no handles');
  await host.mouse.move(start1.x + 10, start1.y + 20);
  await host.mouse.down();
  await host.mouse.move(end.x + 10, end.y + 15, { steps: 6 });
  await host.mouse.up();
  await expect(queued).toHaveText(['Middle tone', 'High tone']);

  await member.getByLabel('Message to everyone here').fill('Hello <b>there</b>');
  await member.getByRole('button', { name: 'Send' }).click();
  await expect(host.getByRole('log')).toContainText('Hello <b>there</b>');

  await choose(host, 'Bob', 'Remove from party');
  await host.getByRole('button', { name: 'Remove', exact: true }).click();
  await expect(member.getByRole('heading', { name: 'You were removed from this party' })).toBeVisible();
  await expect(host.locator('ud-party-members li', { hasText: 'Bob' })).toHaveCount(0);
});

test('a file is uploaded from the room and queued; the page hears of it, and does not ask every second', async () => {
  const host = await person(`${undead.url}/parties`);
  await operator.signInto(host);
  await host.reload();
  await host.getByRole('button', { name: 'Start a party' }).click();
  await host.getByLabel('Title').fill('Own songs');
  await host.getByRole('button', { name: 'Start the party' }).click();
  const polls: string[] = [];
  // The server is slow to read the file, and tells when it has.
  await host.route(/\/api\/library\/[0-9a-f]{32}$/, async (route) => {
    polls.push(route.request().url());
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...((await response.json()) as object), state: 'processing' } });
  });
  await host.route('**/api/library/events', async (route) => {
    await expect.poll(() => polls.length).toBeGreaterThan(1);
    await host.waitForTimeout(4_000);
    const item_id = polls[0]?.split('/').at(-1);
    const ready = JSON.stringify({ item_id, state: 'ready' });
    const body = `event: reset\ndata: {}\n\nevent: item_changed\ndata: ${ready}\n\n`;
    await route.fulfill({ headers: { 'content-type': 'text/event-stream' }, body });
  });
  const [folder, name] = [await mkdtemp(path.join(tmpdir(), 'undead-song-')), 'Own tone.mp3'];
  const tone = ['-f', 'lavfi', '-i', 'sine=frequency=330:duration=20', '-metadata', 'title=Own tone'];
  await promisify(execFile)('ffmpeg', ['-loglevel', 'error', '-y', ...tone, path.join(folder, name)]);
  await host.locator('ud-uploads input[type=file]').setInputFiles(path.join(folder, name));
  await expect(playing(host)).toHaveText('Own tone', { timeout: 30_000 });
  await rm(folder, { recursive: true, force: true });
  // Without news at 0, 1, 3 and 7 s, and once when they begin.
  expect(polls.length).toBeLessThan(6);
});

test('members vote for the next song, and skip to it', async () => {
  const host = await start('Radio', 'Everyone votes');
  await add(host, ...SONGS);
  await expect(playing(host)).toHaveText('Low tone');
  const member = await join(host.url(), 'Bob');
  for (const page of [host, member]) {
    await page.getByRole('button', { name: 'Vote for High tone' }).click();
    await expect(page.getByRole('button', { name: 'Voted for High tone' })).toHaveAttribute('aria-pressed', 'true');
  }
  await expect(host.locator('ud-party-vote li', { hasText: 'High tone' })).toContainText('2 votes');
  await expect(host.locator('ud-party-vote')).toContainText('2 of 2 voted');
  await expect(member.locator('ud-party-vote')).toContainText(/Closes in 0:\d\d/);
  await skip(member).click();
  await expect(skip(member)).toContainText('1/2');
  await skip(host).click();
  await expect(playing(member)).toHaveText('High tone');
  await expect(member.locator('ud-party-vote')).toContainText('High tone won with 2 votes.');
});

test('a private party reveals nothing to strangers; an invitation admits until it is revoked', async () => {
  const host = await start('Secret', 'Only people you invite');
  const strangers = [await person(host.url()), await person(`${undead.url}/party/${'0'.repeat(32)}`)];
  const shown: string[] = [];
  for (const page of strangers) {
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('No party here');
    shown.push(await page.locator('ud-party-page').innerText());
  }
  expect(shown[0]).toBe(shown[1]);
  // The browser reports the refused call, like every refusal.
  complaints.lines.splice(0);
  await expect(host.getByRole('link', { name: 'Parties' })).toBeVisible();

  await host.getByRole('button', { name: 'Invite' }).click();
  await host.getByLabel('For whom').fill('Neighbours');
  await host.getByRole('button', { name: 'Make an invitation link' }).click();
  const link = host.getByRole('textbox', { name: 'Invitation link' }).first();
  await expect(link).toHaveValue(/#invitation=/);
  await expect(host.getByRole('img', { name: 'QR code' })).toBeVisible();
  const guest = await join(await link.inputValue(), 'Cy');
  expect(guest.url()).not.toContain('invitation');
  complaints.lines.splice(0);

  await host.getByRole('button', { name: 'Revoke Neighbours' }).click();
  await host.getByRole('button', { name: 'Revoke', exact: true }).last().click();
  await expect(guest.getByRole('heading', { name: 'You were removed from this party' })).toBeVisible();
});

test('the creator of a party is its host even if the browser stores nothing', async () => {
  const page = await person(`${undead.url}/parties`);
  await page.addInitScript(() => {
    for (const store of ['localStorage', 'sessionStorage'])
      Object.defineProperty(window, store, {
        get: () => {
          throw new DOMException('blocked', 'SecurityError');
        },
      });
  });
  await page.reload();
  const host = await startOn(page, 'Nothing kept', 'Only people you invite');
  expect(new URL(host.url()).hash).toBe('');
  await expect(host.getByRole('button', { name: 'Invite' })).toBeVisible();
});

test('the list is searched as one types, and a party ends for everyone', async () => {
  const host = await start('Zebra crossing', 'The party is listed');
  const member = await join(host.url(), 'Bob');
  const list = await person(`${undead.url}/parties`);
  await list.getByRole('searchbox').fill('zebra');
  await expect(list.locator('ud-party-card')).toHaveCount(1);
  await expect(list.getByRole('link', { name: /Zebra crossing/ })).toHaveAttribute(
    'href',
    new URL(host.url()).pathname,
  );
  await host.getByRole('button', { name: 'More' }).click();
  await host.getByRole('menuitem', { name: 'End for everyone' }).click();
  await host.getByRole('button', { name: 'End the party' }).click();
  for (const page of [host, member])
    await expect(page.getByRole('heading', { name: 'The party is over' })).toBeVisible();
});

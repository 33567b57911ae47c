// A party on a real server, in its real page: members join, and hear the host's song and the next one in sync.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { expect, test, type Browser, type Page } from '@playwright/test';

import { launchBrowser } from './support/browser.ts';
import { heardOffMs } from './support/party-heard.ts';
import { Operator } from './support/operator.ts';
import { RealParty } from './support/real-party.ts';
import { Undead } from './support/undead.ts';

/** Members correct larger errors. */
const NEAR_MS = 120;

let undead: Undead;
let browser: Browser;
let party: RealParty;
let items: string[];

test.beforeAll(async () => {
  undead = await Undead.up();
  const operator = await Operator.of(undead);
  items = [];
  for (const [title, pitch] of [
    ['First', 440],
    ['Second', 660],
  ] as const)
    items.push(await operator.upload(`${title}.mp3`, await song(title, pitch)));
  party = await RealParty.open(undead);
  browser = await launchBrowser(['--autoplay-policy=no-user-gesture-required']);
});

test.afterAll(async () => {
  await browser.close();
  await undead.stop();
});

async function song(title: string, pitch: number): Promise<Buffer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'undead-song-'));
  const out = path.join(folder, 'song.mp3');
  const sound = ['-f', 'lavfi', '-i', `sine=frequency=${pitch}:duration=90`, '-metadata', `title=${title}`];
  await promisify(execFile)('ffmpeg', ['-hide_banner', '-loglevel', 'error', ...sound, out]);
  const bytes = await readFile(out);
  await rm(folder, { recursive: true });
  return bytes;
}

async function join(name: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(party.url);
  await page.locator('input').first().fill(name);
  await page.getByRole('button', { name: 'Join', exact: true }).click();
  return page;
}

async function isNear(page: Page): Promise<boolean> {
  const offMs = await heardOffMs(page);
  return offMs !== undefined && Math.abs(offMs) < NEAR_MS;
}

test('members hear the host’s song at the host’s position', async () => {
  const pages = [await join('Bea'), await join('Cid')];
  for (const item_id of items) await party.lead({ command: 'queue', item_id });
  for (const page of pages) await expect.poll(() => isNear(page), { timeout: 60_000 }).toBe(true);
  await party.lead({ command: 'seek', position_ms: 40_000 });
  for (const page of pages) {
    await expect.poll(() => isNear(page), { timeout: 60_000 }).toBe(true);
  }
  await party.lead({ command: 'next' });
  await expect.poll(async () => (await party.state()).timeline.item_id).toBe(items[1]);
  for (const page of pages) await expect.poll(() => isNear(page), { timeout: 60_000 }).toBe(true);
});

// Karaoke on a real `undead up` with its own worker: made on the page of a short song, played in the karaoke player,
// and seen by the operator; an export is downloaded; a job is cancelled.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { expect, test, type Browser, type Page } from '@playwright/test';

import type { Item } from '../src/protocol/item.ts';
import { launchBrowser } from './support/browser.ts';
import { measureHeard, TAP } from './support/heard.ts';
import { Operator } from './support/operator.ts';
import { Complaints } from './support/pages.ts';
import { Undead } from './support/undead.ts';

/** A voice in the middle, a chord at the sides. */
const SONG =
  'aevalsrc=0.2*sin(2*PI*(300+40*sin(6*t))*t)+0.2*sin(2*PI*220*t)|0.2*sin(2*PI*(300+40*sin(6*t))*t)-0.2*sin(2*PI*220*t)';

let undead: Undead;
let operator: Operator;
let browser: Browser;
let page: Page;
let songId: string;
const complaints = new Complaints();

test.beforeAll(async () => {
  undead = await Undead.up();
  operator = await Operator.of(undead);
  songId = await operator.upload('song.flac', await song(8));
  browser = await launchBrowser();
  page = await browser.newPage();
  complaints.watch(page);
  await page.addInitScript(TAP);
  await operator.signInto(page);
});

test.afterAll(async () => {
  await browser.close();
  expect(complaints.lines).toEqual([]);
  expect(undead.errors()).toEqual([]);
  expect(await undead.stop()).toBe(0);
});

async function song(seconds: number): Promise<Buffer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'undead-song-'));
  const file = path.join(folder, 'song.flac');
  const source = ['-f', 'lavfi', '-i', `${SONG}:s=44100:d=${seconds}`];
  await promisify(execFile)('ffmpeg', ['-v', 'error', ...source, '-sample_fmt', 's16', file]);
  const bytes = await readFile(file);
  await rm(folder, { recursive: true });
  return bytes;
}

test('karaoke is made on the page of a song, and played in its player', async () => {
  await page.goto(`${undead.url}/library/${songId}`);
  await page.getByRole('button', { name: 'Make karaoke' }).click();
  await expect(page.getByRole('progressbar', { name: 'Progress of karaoke' })).toBeVisible();
  await page.getByRole('link', { name: 'Open karaoke' }).click({ timeout: 60_000 });
  await page.getByRole('button', { name: 'Play (space)' }).click();
  await expect.poll(async () => (await page.evaluate(measureHeard)).rms).toBeGreaterThan(0.01);
  await page.getByRole('slider', { name: 'Vocals' }).fill('100');
  const lrc = { name: 'song.lrc', mimeType: 'text/plain', buffer: Buffer.from('[00:01.00]One\n[00:05.00]Two\n') };
  await page.locator('input[type=file]').setInputFiles(lrc);
  await page.getByRole('button', { name: 'Two' }).click();
  await expect(page.getByRole('button', { name: 'Two' })).toHaveAttribute('aria-current', 'true');
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Vocals' }).click();
  expect((await download).suggestedFilename()).toBe('song (vocals).m4a');
  const item = (await operator.call('GET', `/api/library/${songId}`)) as Item;
  expect(item.stems).toBeDefined();
});

test('the song was measured automatically, and is exported as a file', async () => {
  const measured = async (): Promise<unknown> => await operator.call('GET', `/api/library/${songId}`);
  await expect.poll(measured, { timeout: 30_000 }).toHaveProperty('waveform_url');
  await page.goto(`${undead.url}/library/${songId}`);
  await page.getByRole('button', { name: 'Export' }).click();
  await page.getByLabel('Format').selectOption({ label: 'FLAC, sound only, lossless' });
  await page.getByRole('dialog').getByRole('button', { name: 'Export', exact: true }).click();
  const download = page.waitForEvent('download');
  await page.getByRole('dialog').getByRole('link', { name: 'Download' }).click({ timeout: 30_000 });
  expect((await download).suggestedFilename()).toMatch(/\.flac$/);
});

test('the operator sees jobs, attempts and the worker, cancels a job and restarts it', async () => {
  const longId = await operator.upload('long.flac', await song(240));
  await operator.call('POST', '/api/jobs', { kind: 'stems', item_id: longId });
  await page.goto(`${undead.url}/jobs`);
  const row = page.getByRole('row', { name: /long.*Karaoke/ });
  await row.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the job' }).click();
  await expect(row).toContainText('Cancelled');
  await row.getByRole('button', { name: 'Try again' }).click();
  await expect(row).toContainText(/Waiting|Running/);
  await page.getByRole('button', { name: 'Details of song' }).first().click();
  await expect(page.getByRole('region', { name: 'Attempts of song' })).toContainText('done');
  await page.getByRole('tab', { name: 'Workers (1)' }).click();
  await expect(page.getByRole('table')).toContainText(/of 1/);
});

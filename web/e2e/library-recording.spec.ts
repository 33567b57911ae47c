// A recorded broadcast: played while it grows, listed when it has ended, played to its end, played again from the
// browser's storage, and saved as a file that other programs read.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { expect, test, type Page } from '@playwright/test';

import { LibraryPage } from './support/library-page.ts';
import { Operator } from './support/operator.ts';
import { Broadcaster } from './support/pages.ts';
import { Stage } from './support/stage.ts';
import { Undead } from './support/undead.ts';

let undead: Undead;
let operator: Operator;
let stage: Stage;

test.beforeAll(async () => {
  undead = await Undead.up();
  operator = await Operator.of(undead);
});

test.beforeEach(async () => {
  stage = await Stage.set();
});

test.afterEach(async () => {
  await stage.strike();
  expect(stage.complaints.lines).toEqual([]);
});

test.afterAll(async () => {
  expect(undead.errors()).toEqual([]);
  await undead.stop();
});

interface Item {
  title: string;
  state: string;
  duration_ms: number;
}

async function itemOf({ page }: LibraryPage): Promise<Item> {
  return (await operator.call('GET', `/api${new URL(page.url()).pathname}`)) as Item;
}

async function openRecording(live: Page): Promise<LibraryPage> {
  const opened = live.waitForEvent('popup');
  await live.getByRole('link', { name: 'Open the recording' }).click();
  const page = await opened;
  stage.complaints.watch(page);
  // The address of a new tab is `about:blank` until its page answers.
  await page.waitForURL('**/library/*');
  await page.setViewportSize({ width: 1280, height: 800 });
  // A press lets the page play sound. The permission from a press in another tab has expired when the first fragment
  // arrives.
  await page.mouse.click(640, 20);
  return new LibraryPage(page);
}

async function expectLength(recording: LibraryPage, ms: number): Promise<void> {
  await expect.poll(async () => (await itemOf(recording)).duration_ms, { timeout: 60_000 }).toBeGreaterThan(ms);
}

async function expectToEnd(recording: LibraryPage): Promise<void> {
  const state = (): Promise<object> =>
    recording.media.evaluate(({ ended, paused, currentTime, duration, buffered }: HTMLVideoElement) => {
      const loaded = Array.from({ length: buffered.length }, (_, i) => [buffered.start(i), buffered.end(i)]);
      return { ended, paused, currentTime, duration, loaded };
    });
  await expect.poll(async () => JSON.stringify(await state()), { timeout: 60_000 }).toContain('"ended":true');
}

/** Bytes of fragments that the page fetched over the network. */
async function fetchedBytes({ page }: LibraryPage): Promise<number> {
  return await page.evaluate(() =>
    performance
      .getEntriesByType('resource')
      .filter(({ name }) => name.includes('/blobs/'))
      .reduce((sum, entry) => sum + (entry as PerformanceResourceTiming).transferSize, 0),
  );
}

/** Time of the last picture, in seconds, of the file assembled by the server. */
async function downloadedS(recording: LibraryPage): Promise<number> {
  const packets = ['-select_streams', 'v', '-show_entries', 'packet=pts_time', '-of', 'csv=p=0'];
  const args = ['-v', 'error', ...packets, `${recording.page.url()}/download`];
  const { stdout, stderr } = await promisify(execFile)('ffprobe', args);
  expect(stderr).toBe('');
  return Math.max(...stdout.split('\n').map(parseFloat).filter(Number.isFinite));
}

test('a broadcast recorded from its start', async () => {
  const live = await stage.page(`${undead.url}/live`, (page) => operator.signInto(page));
  await live.getByLabel('Keep it in the library').check();
  const broadcaster = await Broadcaster.goLive(live, 'Recorded talk');
  await expect(live.getByText('Kept in the library from here on.')).toBeVisible();
  const recording = await openRecording(live);
  await recording.expectPast(1, 40_000);
  await expect(recording.page.getByText('Recording now')).toBeVisible();
  await expect(recording.page.getByRole('heading', { level: 1 })).toHaveText('Recorded talk');

  // While it grows it is listed for its owner, and for everyone when it is complete.
  const { page: own } = new LibraryPage(await stage.page(`${undead.url}/library`));
  await own.getByLabel('Show').selectOption('My items');
  const card = own.locator('ud-item-card', { hasText: 'Recorded talk' });
  await expect(card.getByText('Recording', { exact: true })).toBeVisible();
  // Waits for more than one fragment.
  await expectLength(recording, 12_000);
  await broadcaster.end();
  await expect.poll(async () => (await itemOf(recording)).state, { timeout: 90_000 }).toBe('ready');
  await own.getByLabel('Show').selectOption('All items');
  await expect(card).toBeVisible();
  await expect(card.getByText('Recording', { exact: true })).toHaveCount(0);
  const poster = (): Promise<number> => card.locator('img').evaluate((image: HTMLImageElement) => image.naturalWidth);
  await expect.poll(poster).toBeGreaterThan(0);

  // The page that played the growing recording learns that it is complete.
  await expect(recording.page.getByRole('button', { name: 'Download' })).toBeVisible();
  await expectToEnd(recording);
  const { duration_ms } = await itemOf(recording);
  expect(await recording.positionS()).toBeGreaterThan(duration_ms / 1000 - 1);
  expect(Math.abs((await downloadedS(recording)) - duration_ms / 1000)).toBeLessThan(1);
  await recording.expectWorker();
  await recording.expectPageKept();
  await recording.page.reload();
  await recording.page.keyboard.press('k');
  await recording.expectPast(1);
  expect(await fetchedBytes(recording)).toBe(0);
});

test('a broadcast recorded from the middle', async () => {
  const broadcaster = await stage.goLive(undead.url, 'Half a talk', (page) => operator.signInto(page));
  const { page: live } = broadcaster;
  await expect(live.getByText('Not recorded.')).toBeVisible();
  await live.getByRole('button', { name: 'Record', exact: true }).click();
  const recording = await openRecording(live);
  await expectLength(recording, 2_000);
  await live.getByRole('button', { name: 'Stop recording' }).click();
  await expect(live.getByText('Not recorded.')).toBeVisible();
  await broadcaster.end();
  await expect.poll(async () => (await itemOf(recording)).state, { timeout: 90_000 }).toBe('ready');
  await expectToEnd(recording);
  expect(await downloadedS(recording)).toBeGreaterThan(2);
});

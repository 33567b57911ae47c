// The library's page in Firefox, whose MSE accepts other formats than Chromium's: MP3 comes in MP4 there.
import { expect, test } from '@playwright/test';

import { FakeLibrary } from './support/fake-library.ts';
import { Firefox } from './support/firefox.ts';
import { Complaints } from './support/pages.ts';

let library: FakeLibrary;
let firefox: Firefox;
const complaints = new Complaints();
const ids: string[] = [];

test.beforeAll(async () => {
  library = await FakeLibrary.open();
  for (const format of ['mp3', 'aac', 'flac', 'opus', 'vp9'] as const)
    ids.push(await library.add(`In ${format}`, format, 25));
  firefox = await Firefox.launch(complaints);
});

test.afterAll(async () => {
  await firefox.close();
  library.close();
});

test('every format plays, across fragments and after a seek, and a second time from storage', async () => {
  // Without an audio device Firefox plays only silent media.
  const page = await firefox.open(
    `${library.url}/library`,
    "if (location.protocol === 'http:') localStorage.setItem('undead.library-volume', '0')",
  );
  const media = async (): Promise<{ at: number; loaded: number; ranges: number; error: string }> =>
    await page.$$eval('>>> video', ([video]) => ({
      at: video?.currentTime ?? 0,
      loaded: video && video.buffered.length > 0 ? video.buffered.end(video.buffered.length - 1) : 0,
      ranges: video?.buffered.length ?? 0,
      error: video?.error?.message ?? '',
    }));
  const expectPast = async (s: number): Promise<void> => {
    await expect.poll(async () => (await media()).at).toBeGreaterThan(s);
  };
  // Fragments fetched before the service worker is running are not stored.
  const hasWorker = (): Promise<boolean> => page.evaluate(() => navigator.serviceWorker.controller !== null);
  await expect.poll(hasWorker).toBe(true);
  for (const id of ids) {
    await page.goto(`${library.url}/library/${id}`);
    await expectPast(0.5);
    await expect.poll(async () => (await media()).loaded).toBeGreaterThan(24);
    expect((await media()).ranges).toBe(1);
    for (let i = 0; i < 2; i++) await page.keyboard.press('ArrowRight');
    await expectPast(10.5);
    expect((await media()).error).toBe('');
  }
  const kept = async (): Promise<string> =>
    await page.$$eval('>>> ud-kept-panel', ([panel]) => panel?.shadowRoot?.textContent ?? '');
  await page.goto(`${library.url}/library`);
  await expect.poll(kept).toContain('Kept in this browser:');
  const sent = library.sentBytes;
  await page.goto(`${library.url}/library/${ids[0]}`);
  await expectPast(0.5);
  await expect.poll(async () => (await media()).loaded).toBeGreaterThan(24);
  expect(library.sentBytes).toBe(sent);
  expect(complaints.lines).toEqual([]);
});

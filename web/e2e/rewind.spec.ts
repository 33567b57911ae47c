// A viewer rewinds a live stream and returns to the live edge, in the same player: in the node's window, and in a
// recording.

import { expect, test } from '@playwright/test';

import { Broadcaster, type Viewer } from './support/pages.ts';
import { Stage } from './support/stage.ts';
import { Undead } from './support/undead.ts';

let undead: Undead;
let stage: Stage;

test.beforeAll(async () => {
  undead = await Undead.up();
  stage = await Stage.set();
});

test.afterAll(async () => {
  await stage.strike();
  expect(stage.complaints.lines).toEqual([]);
  expect(undead.errors()).toEqual([]);
  await undead.stop();
});

/** Rewinds by ten seconds, to the start, and returns to the live edge. */
async function goBackAndForth(viewer: Viewer): Promise<void> {
  const { page } = viewer;
  const past = page.locator('video.past');
  const time = (): Promise<number> => past.evaluate((video) => (video as HTMLVideoElement).currentTime);
  await page.keyboard.press('ArrowLeft');
  await expect
    .poll(async () => await past.evaluate((video) => (video as HTMLVideoElement).videoWidth))
    .toBeGreaterThan(0);
  await expect.poll(async () => await viewer.tellsNumber('past-ms')).toBeGreaterThan(1_000);
  const from = await time();
  await expect.poll(time).toBeGreaterThan(from + 1);
  await expect(page.locator('ud-player video:not(.past)')).toHaveJSProperty('paused', true);

  const line = page.getByRole('slider', { name: 'Time line' });
  await line.focus();
  await page.keyboard.press('Home');
  const start = Number(await line.getAttribute('min')) / 1000;
  await expect.poll(time).toBeLessThan(start + 3);
  await page.keyboard.press('Tab');
  await page.keyboard.press('l');
  await expect(past).toHaveCount(0);
  await viewer.expectPicture();
  await expect(page.locator('ud-player video')).toHaveJSProperty('paused', false);
}

test('a viewer rewinds to the start of the node’s window, and returns to the live edge', async () => {
  const broadcaster = await stage.goLive(undead.url, 'Window');
  const viewer = await stage.watch(broadcaster.watchUrl);
  await viewer.expectPicture();
  const node = (await viewer.tells('node')) ?? '';
  const manifest = new URL(`${node}/streams/${broadcaster.watchUrl.split('/').at(-1)}/window/manifest`, undead.url);
  const lengthMs = async (): Promise<number> => {
    const { takes } = (await (await fetch(manifest)).json()) as { takes: { fragments: { duration_ms: number }[] }[] };
    return takes.flatMap(({ fragments }) => fragments).reduce((sum, { duration_ms }) => sum + duration_ms, 0);
  };
  await expect.poll(lengthMs, { timeout: 30_000 }).toBeGreaterThan(6_000);
  await goBackAndForth(viewer);
  await broadcaster.end();
});

test('a viewer rewinds to the start of the recording, and returns to the live edge', async () => {
  const live = await stage.page(`${undead.url}/live`);
  await live.getByLabel('Keep it in the library').check();
  const broadcaster = await Broadcaster.goLive(live, 'Recorded');
  const recording = (await live.getByRole('link', { name: 'Open the recording' }).getAttribute('href')) ?? '';
  const viewer = await stage.watch(broadcaster.watchUrl);
  await viewer.expectPicture();
  const lengthMs = async (): Promise<number> => {
    const item = (await (await fetch(new URL(`/api${recording}`, undead.url))).json()) as { duration_ms: number };
    return item.duration_ms;
  };
  await expect.poll(lengthMs, { timeout: 60_000 }).toBeGreaterThan(12_000);
  const media = viewer.page.waitForRequest((request) => request.url().includes(`${recording}/blobs/`));
  await goBackAndForth(viewer);
  await media;
  await broadcaster.end();
});

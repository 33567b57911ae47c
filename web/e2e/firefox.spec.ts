// Firefox next to Chromium: each watches the other's broadcasts.
import { expect, test } from '@playwright/test';

import type { Watching } from './support/pages.ts';
import { expectMoving, pictures, type Sight } from './support/painted-clock.ts';
import type { SharedCanvas } from './support/shared-canvas.ts';
import { TwoBrowsers, closeAll } from './support/two-browsers.ts';

/** Covers several of Chromium's keyframes. */
const LOOK_MS = 4_000;
/**
 * More than a busy computer needs to decode from the last keyframe of a recorder that makes few, and long enough for it
 * to have a quiet moment.
 */
const CATCH_UP_MS = 40_000;
/** Longer than a picture counts for the reported latency. */
const STILL_MS = 3_500;

let browsers: TwoBrowsers;

test.beforeAll(async () => {
  browsers = await TwoBrowsers.open();
});

test.afterAll(async () => {
  await browsers.close();
});

/**
 * Waits until `viewer` shows at least 95 % of the pictures that `beside` shows in the same time, without more stalls
 * and jumps. Both may have some on a computer that is too busy for two browsers.
 */
async function expectAsManyPictures(viewer: Watching, beside: Watching): Promise<void> {
  const breaks = async (at: Watching): Promise<number> =>
    (await at.tellsNumber('stalls')) + (await at.tellsNumber('jumps'));
  const look = async (at: Watching): Promise<{ shown: number; broke: number }> => {
    const before = await breaks(at);
    const sights = await at.sights(LOOK_MS);
    expectMoving(sights);
    return { shown: pictures(sights), broke: (await breaks(at)) - before };
  };
  const share = async (): Promise<number> => {
    const [seen, seenBeside] = await Promise.all([look(viewer), look(beside)]);
    return seen.broke > seenBeside.broke ? 0 : seen.shown / seenBeside.shown;
  };
  await expect.poll(share, { timeout: CATCH_UP_MS }).toBeGreaterThanOrEqual(0.95);
}

/**
 * Waits for a picture that differs from the last one seen. Catching up with a keyframe of many seconds ago takes a
 * while, and on a busy computer a look may contain no picture, or the page may have none yet.
 */
async function expectToMove(viewer: Watching): Promise<void> {
  let last: number | undefined;
  const moves = async (): Promise<boolean> => {
    const seen = (await viewer.sights(500).catch(noneYet)).map(({ counter }) => counter);
    const moved = seen.some((counter) => counter !== (last ?? seen[0]));
    last = seen.at(-1) ?? last;
    return moved;
  };
  await expect.poll(moves, { timeout: CATCH_UP_MS }).toBe(true);
}

/** Returns no sights if the page has no picture yet: the video has no size before its first frame. */
function noneYet(error: unknown): Sight[] {
  if (error instanceof Error && error.message.includes('no picture in the page')) return [];
  throw error;
}

/** Waits for a while, and fails unless playback continued: the reported latency covers only the last seconds. */
async function expectToPlayOn(viewer: Watching): Promise<void> {
  await viewer.sights(STILL_MS);
  await expect.poll(() => viewer.tells('latency-ms')).toMatch(/\d/);
  await viewer.expectState('live');
}

for (const name of ['VP9', 'AV1', 'H.264', 'VP8'] as const) {
  test(`Firefox joins a running ${name} stream, shows what Chromium shows, and continues with other takes`, async () => {
    const broadcaster = await browsers.goLive(name, { movingTakes: 2 });
    const { chromium, firefox } = await browsers.watch(broadcaster.watchUrl);
    await expectAsManyPictures(firefox, chromium);
    await broadcaster.changeSource();
    await firefox.expectTake(1);
    await expectToMove(firefox);
    // The third take is a still screen.
    await broadcaster.changeSource();
    await firefox.expectTake(2);
    await expectToPlayOn(firefox);
    await broadcaster.end();
    await firefox.expectState('ended');
    await closeAll(broadcaster, chromium, firefox);
  });
}

const SHARED: readonly [string, SharedCanvas][] = [
  ['with sound', { sound: 'microphone' }],
  ['without sound', { sound: 'none' }],
];

for (const [kind, canvas] of SHARED) {
  test(`both watch what Firefox broadcasts ${kind}, and another take of it`, async () => {
    const broadcaster = await browsers.firefox.goLive(browsers.undead.url, kind, canvas);
    const viewers = Object.values(await browsers.watch(broadcaster.watchUrl));
    for (const viewer of viewers) await expectToMove(viewer);
    await broadcaster.changeSource();
    for (const viewer of viewers) {
      await viewer.expectTake(1);
      await expectToMove(viewer);
    }
    await closeAll(broadcaster, ...viewers);
  });
}

test('Chromium watches a still screen of Firefox', async () => {
  const canvas: SharedCanvas = { sound: 'microphone', movingTakes: 0 };
  const broadcaster = await browsers.firefox.goLive(browsers.undead.url, 'Slide', canvas);
  const viewer = await browsers.stage.watch(broadcaster.watchUrl);
  await viewer.expectPicture();
  const from = await viewer.positionS();
  await expect.poll(async () => (await viewer.positionS()) - from).toBeGreaterThan(2);
  await closeAll(broadcaster, viewer);
});

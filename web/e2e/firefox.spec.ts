// Firefox beside Chromium: each watches what the other one broadcasts.
import { expect, test } from '@playwright/test';

import type { Watching } from './support/pages.ts';
import { expectMoving, pictures, type Sight } from './support/painted-clock.ts';
import type { SharedCanvas } from './support/shared-canvas.ts';
import { TwoBrowsers, closeAll } from './support/two-browsers.ts';

/** Several of Chromium's keyframes. */
const LOOK_MS = 4_000;

let browsers: TwoBrowsers;

test.beforeAll(async () => {
  browsers = await TwoBrowsers.open();
});

test.afterAll(async () => {
  await browsers.close();
});

/** Fails unless `viewer` shows at least 95 in 100 of the pictures that `beside` shows in the same time, without more stalls. */
async function expectAsManyPictures(viewer: Watching, beside: Watching): Promise<void> {
  const look = async (at: Watching): Promise<{ sights: Sight[]; stalls: number }> => {
    const stallsBefore = await at.tellsNumber('stalls');
    const sights = await at.sights(LOOK_MS);
    return { sights, stalls: (await at.tellsNumber('stalls')) - stallsBefore };
  };
  const [seen, seenBeside] = await Promise.all([look(viewer), look(beside)]);
  expectMoving(seen.sights);
  expect(pictures(seen.sights) / pictures(seenBeside.sights)).toBeGreaterThan(0.95);
  // A computer that is too busy for both browsers stalls both.
  expect(seen.stalls).toBeLessThanOrEqual(seenBeside.stalls);
}

/** Waits for pictures that move: to catch up with a keyframe of many seconds ago takes a while. */
async function expectToMove(viewer: Watching): Promise<void> {
  await expect.poll(async () => pictures(await viewer.sights(500))).toBeGreaterThan(1);
}

for (const name of ['H.264'] as const) {
  test(`Firefox joins a running ${name} stream, shows what Chromium shows, and goes on with another take`, async () => {
    const broadcaster = await browsers.goLive(name);
    const { chromium, firefox } = await browsers.watch(broadcaster.watchUrl);
    await expectAsManyPictures(firefox, chromium);
    await broadcaster.changeSource();
    await firefox.expectTake(1);
    await firefox.expectPicture();
    await expectToMove(firefox);
    await broadcaster.end();
    await firefox.expectState('ended');
    await closeAll(broadcaster, chromium, firefox);
  });

  test(`a still screen in ${name} plays on in Firefox`, async () => {
    const broadcaster = await browsers.goLive(name, true);
    const viewer = await browsers.firefox.watch(broadcaster.watchUrl);
    await viewer.expectPicture();
    const from = await viewer.positionS();
    await expect.poll(async () => (await viewer.positionS()) - from).toBeGreaterThan(3);
    await closeAll(broadcaster, viewer);
  });
}

const SHARED: readonly [string, SharedCanvas][] = [
  ['with sound', { still: false, sound: 'microphone' }],
  ['without sound', { still: false, sound: 'none' }],
];

for (const [kind, canvas] of SHARED) {
  test(`Chromium watches what Firefox broadcasts ${kind}, and another take of it`, async () => {
    const broadcaster = await browsers.firefox.goLive(browsers.undead.url, kind, canvas);
    const viewer = await browsers.stage.watch(broadcaster.watchUrl);
    await viewer.expectPicture();
    await expectToMove(viewer);
    await broadcaster.changeSource();
    await viewer.expectTake(1);
    await expectToMove(viewer);
    await closeAll(broadcaster, viewer);
  });
}

test('Chromium watches a still screen of Firefox', async () => {
  const canvas: SharedCanvas = { still: true, sound: 'microphone' };
  const broadcaster = await browsers.firefox.goLive(browsers.undead.url, 'Slide', canvas);
  const viewer = await browsers.stage.watch(broadcaster.watchUrl);
  await viewer.expectPicture();
  const from = await viewer.positionS();
  await expect.poll(async () => (await viewer.positionS()) - from).toBeGreaterThan(2);
  await closeAll(broadcaster, viewer);
});

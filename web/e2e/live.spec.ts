// Going live and watching in real browsers, with a page that paints the time into every picture.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, test } from '@playwright/test';

import { call, connectTo, createStream } from './support/node-client.ts';
import { expectMoving, latenciesMs, median, watchPaintedClock } from './support/painted-clock.ts';
import { loadRecording } from './support/recording.ts';
import type { Viewer } from './support/pages.ts';
import { Stage } from './support/stage.ts';
import { Undead } from './support/undead.ts';

const ARTIFACTS = fileURLToPath(new URL('artifacts/', import.meta.url));
/** So late that a viewer that had to start at the first picture could not have caught up. */
const LATER_MS = 25_000;
/** Longer than a node lets a viewer wait for a stream that has not begun. */
const EARLIER_MS = 5_000;

let undead: Undead;
let stage: Stage;

test.beforeEach(async () => {
  await mkdir(ARTIFACTS, { recursive: true });
  undead = await Undead.up();
});

test.afterEach(async () => {
  await stage.strike();
  expect(stage.complaints.lines).toEqual([]);
  expect(undead.errors()).toEqual([]);
  expect(await undead.stop()).toBe(0);
});

test('a stream is watched at once, and by a viewer that joins much later', async () => {
  stage = await Stage.set();
  const broadcaster = await stage.goLive(undead.url, 'Painted clock');
  const first = await stage.watch(broadcaster.watchUrl);
  await first.expectPicture();
  await first.expectTransport('ws');
  await first.page.waitForTimeout(LATER_MS);
  const late = await stage.watch(broadcaster.watchUrl);
  await late.expectPicture();

  const sights = await watchPaintedClock(late.page, 5_000);
  for (const seen of [sights, await watchPaintedClock(first.page, 4_000)]) {
    expect(seen.length).toBeGreaterThan(10);
    expectMoving(seen);
  }
  const claims = sights.flatMap(({ claimedLatencyMs }) => claimedLatencyMs ?? []);
  const measured = {
    join_ms: [await first.tellsNumber('join-ms'), await late.tellsNumber('join-ms')],
    latency_painted_ms: median(latenciesMs(sights)),
    latency_shown_ms: median(claims),
    stalls: [await first.tellsNumber('stalls'), await late.tellsNumber('stalls')],
  };
  await writeFile(path.join(ARTIFACTS, 'measured.json'), `${JSON.stringify(measured, null, 2)}\n`);
  await late.page.screenshot({ path: path.join(ARTIFACTS, 'watch.png') });
  await broadcaster.page.screenshot({ path: path.join(ARTIFACTS, 'live.png') });

  await broadcaster.end();
  await first.expectState('ended');
  await late.expectState('ended');
});

test('two streams at once go to two nodes, and both are listed', async () => {
  stage = await Stage.set();
  const nodes = new Set<string | null>();
  for (const title of ['One', 'Two']) {
    const { watchUrl } = await stage.goLive(undead.url, title);
    const viewer = await stage.watch(watchUrl);
    await viewer.expectPicture();
    nodes.add(await viewer.tells('node'));
  }
  expect(nodes.size).toBe(2);
  const list = await stage.page(`${undead.url}/view`);
  for (const title of ['One', 'Two']) {
    await expect(list.getByText(title)).toBeVisible();
  }
  await list.screenshot({ path: path.join(ARTIFACTS, 'view.png') });
});

test('a viewer that joins before the broadcaster waits, and starts with the stream', async () => {
  stage = await Stage.set();
  const recording = await loadRecording('webm-vp9-opus-100ms-key1s');
  const { stream_id, publish } = await createStream(undead.url, 'Soon');
  const node = publish.nodes[0]?.public_url ?? '';
  const early = await stage.watch(`${undead.url}/view/${stream_id}`);
  await early.expectState('waiting');
  await early.page.waitForTimeout(EARLIER_MS);
  await early.expectState('waiting');
  await early.page.screenshot({ path: path.join(ARTIFACTS, 'waiting.png') });
  const broadcaster = await connectTo(undead.url, node);
  const registration = { stream_id, grant: publish.grant, mime: recording.mime, take: 0 };
  expect(await call(broadcaster, 'register_new_stream', registration)).toMatchObject({ ok: true });
  for (const [seq, segment] of recording.segments.entries()) {
    expect(await call(broadcaster, 'broadcast_data', { stream_id, take: 0, seq, segment })).toMatchObject({ ok: true });
    await early.page.waitForTimeout(90);
  }
  await early.expectPicture();
  expect(await early.tells('node')).toBe(node);
  await early.expectTransport('ws');
  broadcaster.close();
});

test('another source is another take in the same video', async () => {
  stage = await Stage.set();
  const broadcaster = await stage.goLive(undead.url, 'Two takes');
  const viewer = await stage.watch(broadcaster.watchUrl);
  await viewer.expectPicture();
  await expect(viewer.player).toHaveAttribute('data-take', '0');
  const video = await viewer.page.locator('video').elementHandle();
  await broadcaster.changeSource();
  await expect(viewer.player).toHaveAttribute('data-take', '1');
  await viewer.expectPicture();
  const sights = await watchPaintedClock(viewer.page, 2_000);
  expect(sights.length).toBeGreaterThan(10);
  expectMoving(sights);
  expect(await viewer.page.locator('video').evaluate((now, then) => now === then, video)).toBe(true);
});

test('bare frames are decoded by the page: pictures that move, another take, a pause', async () => {
  stage = await Stage.set();
  const broadcaster = await stage.goLive(undead.url, 'Frames');
  const viewer = await stage.watch(`${broadcaster.watchUrl}?format=frames`);
  await viewer.expectPicture();
  await expect(viewer.page.locator('canvas.pictures')).toBeVisible();
  await expect(viewer.page.locator('video')).toBeHidden();
  await broadcaster.changeSource();
  await expect(viewer.player).toHaveAttribute('data-take', '1');
  await expectFrames(viewer);
  await viewer.page.keyboard.press('k');
  await expect(viewer.player).toHaveAttribute('data-rate', '0');
  await viewer.page.keyboard.press('k');
  await expectFrames(viewer);
  await viewer.page.screenshot({ path: path.join(ARTIFACTS, 'frames.png') });
});

async function expectFrames(viewer: Viewer): Promise<void> {
  await viewer.expectPicture();
  await expect.poll(async () => (await viewer.sights(500)).length).toBeGreaterThan(1);
  expectMoving(await viewer.sights(2_000));
}

test('a still screen is live, and its picture is visible at once', async () => {
  stage = await Stage.set(true);
  const broadcaster = await stage.goLive(undead.url, 'A slide');
  const viewer = await stage.watch(broadcaster.watchUrl);
  await viewer.expectPicture();
  const played = await viewer.page.locator('video').evaluate(async (video: HTMLVideoElement) => {
    const from = video.currentTime;
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    return video.currentTime - from;
  });
  expect(played).toBeGreaterThan(0);
  await viewer.expectPicture();
});

// Going live and watching, in real browsers, with a page that paints the time into every picture.
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { expect, test, type Browser, type BrowserContext } from '@playwright/test';

import { launchBrowser } from './support/browser.ts';
import { ClockServer } from './support/clock-server.ts';
import { Broadcaster, Complaints, Viewer } from './support/pages.ts';
import { latenciesMs, median, watchPaintedClock, type Sight } from './support/painted-clock.ts';
import { Undead } from './support/undead.ts';

const ARTIFACTS = fileURLToPath(new URL('artifacts/', import.meta.url));
/** Long enough to be past the first keyframes, short enough for a test. */
const LATER_MS = 25_000;

let undead: Undead;
let clock: ClockServer;
let browser: Browser;
let context: BrowserContext;
let complaints: Complaints;

test.beforeAll(async () => {
  await mkdir(ARTIFACTS, { recursive: true });
  clock = await ClockServer.start();
});

test.afterAll(() => {
  clock.stop();
});

test.beforeEach(async () => {
  undead = await Undead.up();
  browser = await launchBrowser();
  context = await browser.newContext();
  complaints = new Complaints();
  const clockPage = await context.newPage();
  await clockPage.setViewportSize({ width: 1280, height: 720 });
  await clockPage.goto(clock.url);
});

test.afterEach(async () => {
  await browser.close();
  expect(complaints.lines).toEqual([]);
  expect(undead.errors()).toEqual([]);
  await undead.stop();
});

/** The frame counter counts on, in order, and the clock with it. */
function expectMoving(sights: readonly Sight[]): void {
  expect(sights.length).toBeGreaterThan(10);
  for (const [earlier, later] of sights.slice(1).map((later, index) => [sights[index]!, later] as const)) {
    expect((later.clockMs - earlier.clockMs + 2 ** 24) % 2 ** 24).toBeLessThan(2 ** 23);
    expect((later.counter - earlier.counter + 4096) % 4096).toBeLessThan(2048);
  }
}

test('a stream is watched at once, and by somebody who comes much later', async () => {
  const broadcaster = await Broadcaster.goLive(context, undead.url, 'Painted clock', complaints);
  const first = await Viewer.open(context, broadcaster.watchUrl, complaints);
  await first.expectState('live');
  expectMoving(await watchPaintedClock(first.page, 3_000));

  await first.page.waitForTimeout(LATER_MS);
  const late = await Viewer.open(context, broadcaster.watchUrl, complaints);
  await late.expectState('live');
  const sights = await watchPaintedClock(late.page, 4_000);
  expectMoving(sights);
  expectMoving(await watchPaintedClock(first.page, 2_000));
  console.log(
    'join',
    await first.reading('join-ms'),
    await late.reading('join-ms'),
    'median latency',
    median(latenciesMs(sights)),
    'claimed',
    sights.at(-1)?.claimedLatencyMs,
    'stalls',
    await first.reading('stalls'),
    await late.reading('stalls'),
  );
  await late.page.screenshot({ path: `${ARTIFACTS}watch.png` });
  await broadcaster.page.screenshot({ path: `${ARTIFACTS}live.png` });

  await broadcaster.end();
  await first.expectState('ended');
  await late.expectState('ended');
});

test('two streams at once go to two nodes', async () => {
  const broadcasters = [
    await Broadcaster.goLive(context, undead.url, 'One', complaints),
    await Broadcaster.goLive(context, undead.url, 'Two', complaints),
  ];
  const nodes: (string | null)[] = [];
  for (const { watchUrl } of broadcasters) {
    const viewer = await Viewer.open(context, watchUrl, complaints);
    await viewer.expectState('live');
    nodes.push(await viewer.player.getAttribute('data-node'));
  }
  expect(new Set(nodes).size).toBe(2);
  const list = await context.newPage();
  await list.goto(`${undead.url}/view`);
  await expect(list.getByText('One')).toBeVisible();
  await expect(list.getByText('Two')).toBeVisible();
  await list.screenshot({ path: `${ARTIFACTS}view.png` });
});

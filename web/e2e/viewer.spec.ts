// A viewer's page while it is frozen, paused, small, in a frame, or in a browser that cannot play the stream.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { expect, test, type Frame, type Locator, type Page } from '@playwright/test';

import type { Broadcaster, Viewer } from './support/pages.ts';
import { expectMoving, watchPaintedClock } from './support/painted-clock.ts';
import { others } from './support/scenes.ts';
import { Stage } from './support/stage.ts';
import { Undead } from './support/undead.ts';

let undead: Undead;
let stage: Stage;
let broadcaster: Broadcaster;

test.beforeAll(async () => {
  undead = await Undead.up();
  stage = await Stage.set();
  broadcaster = await stage.goLive(undead.url, 'Viewers');
});

test.afterAll(async () => {
  await stage.strike();
  expect(stage.complaints.lines).toEqual([]);
  expect(undead.errors()).toEqual([]);
  await undead.stop();
});

async function viewersOfTheNode(): Promise<number> {
  const id = broadcaster.watchUrl.split('/').at(-1) ?? '';
  const { viewers } = (await (await fetch(`${undead.url}/api/streams/${id}`)).json()) as { viewers: number };
  return viewers;
}

async function watch(): Promise<Viewer> {
  const viewer = await stage.watch(broadcaster.watchUrl);
  await viewer.expectPicture();
  await expect.poll(viewersOfTheNode).toBe(1);
  return viewer;
}

async function expectLive(viewer: Viewer): Promise<void> {
  await viewer.expectPicture();
  // A busy browser may take a while until pictures resume.
  await expect.poll(async () => (await watchPaintedClock(viewer.page, 500)).length).toBeGreaterThan(1);
  const sights = await watchPaintedClock(viewer.page, 1_500);
  expectMoving(sights);
  expect(await viewer.tellsNumber('latency-ms')).toBeLessThan(3_000);
}

/** In whole pixels. */
async function placeOf(element: Locator): Promise<number[]> {
  const { x = NaN, y = NaN, width = NaN, height = NaN } = (await element.boundingBox()) ?? {};
  return [x, y, width, height].map(Math.round);
}

/** Records the video's events from now on. */
async function countEvents(page: Page, names: string[]): Promise<() => Promise<string[]>> {
  const seen = await page.locator('video').evaluateHandle((element, types) => {
    const list: string[] = [];
    for (const type of types) element.addEventListener(type, () => list.push(type));
    return list;
  }, names);
  return () => seen.jsonValue();
}

test('a frozen tab leaves the node, and plays at the live edge as soon as it runs again', async () => {
  const page = await stage.watchBare(broadcaster.watchUrl);
  const video =
    "document.querySelector('ud-watch-page').shadowRoot.querySelector('ud-player').shadowRoot.querySelector('video')";
  const positionS = async (): Promise<number> => Number(await page.evaluate(`${video}.currentTime`));
  await expect.poll(positionS).toBeGreaterThan(0.5);
  await expect.poll(viewersOfTheNode).toBe(1);
  const began = { positionS: await positionS(), atMs: Date.now() };
  await page.freeze();
  await expect.poll(viewersOfTheNode).toBe(0);
  await page.resume();
  await expect.poll(() => page.evaluate(`${video}.paused`)).toBe(false);
  // The missed media is skipped: the playhead has advanced with the clock, except for the tolerance of a jump.
  const behindS = async (): Promise<number> =>
    (Date.now() - began.atMs) / 1000 - ((await positionS()) - began.positionS);
  await expect.poll(behindS).toBeLessThan(1);
  await expect.poll(viewersOfTheNode).toBe(1);
  await page.close();
});

test('a paused viewer leaves the node, keeps the picture, and resumes at the live edge', async () => {
  const viewer = await watch();
  await viewer.page.keyboard.press('k');
  await expect.poll(viewersOfTheNode).toBe(0);
  await viewer.expectState('live');
  await viewer.page.keyboard.press('k');
  await expectLive(viewer);
  await expect.poll(viewersOfTheNode).toBe(1);
  await viewer.page.close();
});

test('a browser that cannot play the stream reports it and leaves the node', async () => {
  const viewer = await stage.watch(broadcaster.watchUrl, async (page) => {
    await page.addInitScript(() => (MediaSource.isTypeSupported = () => false));
  });
  await viewer.expectState('unsupported');
  await expect(viewer.page.getByRole('button', { name: 'Try again' })).toBeVisible();
  await expect.poll(viewersOfTheNode).toBe(0);
  await viewer.page.close();
});

test('keys and clicks work', async () => {
  const { page } = await watch();
  const video = page.locator('video');
  const away = page.getByRole('heading', { level: 1 });
  const events = await countEvents(page, ['play', 'pause']);

  await video.dblclick({ position: { x: 300, y: 100 } });
  await expect(page.getByRole('button', { name: 'Leave full screen (f)' })).toBeAttached();
  await page.keyboard.press('f');
  await expect(page.getByRole('button', { name: /^Full screen/ })).toBeAttached();
  await page.keyboard.down('k');
  for (let repeat = 0; repeat < 5; repeat++) await page.keyboard.down('k');
  await page.keyboard.up('k');
  await expect.poll(events).toEqual(['pause']);
  await page.keyboard.press('k');
  await expect.poll(events).toEqual(['pause', 'play']);

  const volume = page.getByRole('slider', { name: 'Volume' });
  await volume.focus();
  await page.keyboard.press('m');
  await expect(page.locator('ud-player')).toHaveAttribute('data-muted', 'true');
  await page.keyboard.press('m');
  await expect(volume).toHaveValue('1');
  await page.keyboard.press('ArrowLeft');
  await expect(volume).toHaveValue('0.95');

  await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
  await page.getByLabel('Letters are shortcuts').uncheck();
  await expect(page.getByRole('button', { name: 'Mute', exact: true })).toBeAttached();
  await page.reload();
  await expect(page.locator('ud-player')).toHaveAttribute('data-join-ms', /\d/);
  await away.click();
  const muted = (await page.locator('ud-player').getAttribute('data-muted')) ?? '';
  await page.keyboard.press('m');
  await page.keyboard.press(' ');
  await expect.poll(() => video.evaluate((element: HTMLVideoElement) => element.paused)).toBe(true);
  await expect(page.locator('ud-player')).toHaveAttribute('data-muted', muted);
  await page.close();
});

test('on a phone in either orientation, statistics leave the picture visible and the title has space', async () => {
  const { page } = await watch();
  const boxOf = async (selector: string): Promise<{ x: number; y: number; width: number; height: number }> => {
    const box = await page.locator(selector).boundingBox();
    if (!box) throw new Error(`no ${selector}`);
    return box;
  };
  // Not by its key, because an earlier test switched letter keys off in this browser.
  await page.locator('video').hover();
  await page.getByRole('button', { name: /^Statistics/ }).click();
  await page.setViewportSize({ width: 390, height: 844 });
  const [video, stats] = [await boxOf('video'), await boxOf('ud-stats')];
  expect(stats.y).toBeGreaterThanOrEqual(video.y + video.height);

  await page.setViewportSize({ width: 844, height: 390 });
  const [picture, title] = [await boxOf('video'), await boxOf('h1')];
  expect(picture.y + picture.height).toBeLessThanOrEqual(390);
  expect(title.width).toBeGreaterThan(180);
  expect(title.x).toBeGreaterThanOrEqual(picture.x + picture.width);
  const beside = await boxOf('ud-stats');
  expect(beside.x).toBeGreaterThanOrEqual(picture.x + picture.width);
  expect(beside.y + beside.height).toBeLessThanOrEqual(390);
  // The bar fits beside the panel: none of it is behind the panel or outside.
  for (const width of [844, 740, 667]) {
    await page.setViewportSize({ width, height: 375 });
    const panel = await boxOf('ud-stats');
    const bar = page.locator('ud-controls');
    for (const button of await bar.getByRole('button').filter({ visible: true }).all()) {
      const box = await button.boundingBox();
      expect(box && box.x + box.width, `at ${width} px`).toBeLessThanOrEqual(panel.x);
    }
    await expect(bar.getByRole('button', { name: /^Statistics/ })).toBeVisible();
  }
  await page.close();
});

test('the end of the id is visible in every link field, however long the address and narrow the field', async () => {
  const { page } = await watch();
  const field = page.locator('ud-copy-link');
  await field.evaluate((element, id) => {
    const url = `https://stream-${'very-'.repeat(12)}long.example.org:50123/view/${id}`;
    Object.assign(element, { url });
  }, broadcaster.watchUrl.split('/').at(-1));
  for (const width of [1280, 844, 390, 320]) {
    await page.setViewportSize({ width, height: 800 });
    const [end, button] = [await field.locator('.place').boundingBox(), await field.locator('button').boundingBox()];
    const room = await field.locator('.short').boundingBox();
    if (!end || !button || !room) throw new Error('the field is not in sight');
    expect(end.width).toBeGreaterThan(40);
    expect(end.x + end.width, `at ${width} px`).toBeLessThanOrEqual(room.x + room.width + 0.5);
    expect(room.x + room.width <= button.x || room.y + room.height <= button.y, `at ${width} px`).toBe(true);
  }
  await page.close();
});

for (const kind of ['view', 'embed'])
  test(`the first picture of /${kind} is shown before its page has loaded, in its place, and the stream is joined once`, async () => {
    const page = await stage.page('about:blank');
    await page.setViewportSize({ width: 1280, height: 800 });
    let joined = 0;
    page.on('websocket', () => joined++);
    // The page's code is held back.
    let goOn = (): void => undefined;
    const isAsked = new Promise<void>((resolve) => (goOn = resolve));
    await page.route('**/assets/elements-*.js', async (route) => {
      await isAsked;
      await route.continue();
    });
    await page.goto(broadcaster.watchUrl.replace('/view/', `/${kind}/`), { waitUntil: 'commit' });
    const picture = page.locator('ud-watch-page > video');
    await expect.poll(() => picture.evaluate((video: HTMLVideoElement) => video.currentTime)).toBeGreaterThan(0);
    const early = { element: await picture.elementHandle(), place: await placeOf(picture) };
    goOn();
    await expect(page.locator('ud-player')).toHaveAttribute('data-join-ms', /\d/);
    const shown = page.locator('ud-player video');
    expect(await shown.evaluate((video, early) => video === early, early.element)).toBe(true);
    await expect.poll(() => placeOf(shown)).toEqual(early.place);
    await expect(shown).toHaveJSProperty('paused', false);
    expect(joined).toBe(1);
    await page.close();
  });

test('only live streams are offered besides the watched one', async () => {
  const { page } = await stage.watch(broadcaster.watchUrl, others);
  const section = page.getByRole('region', { name: 'Also live' });
  await expect(section.getByText('Piano practice')).toBeVisible();
  await expect(section.getByText('Interrupted')).toHaveCount(0);
  await page.close();
});

test('a player plays in a frame without storage and origin', async () => {
  const id = broadcaster.watchUrl.split('/').at(-1) ?? '';
  const host = await hostOf(
    `<iframe src="${undead.url}/embed/${id}" sandbox="allow-scripts" width="640" height="360" allow="autoplay"></iframe>`,
  );
  const page = await stage.page(host.url);
  const frame = await embedded(page);
  const player = frame.locator('ud-player');
  await expect(player).toHaveAttribute('data-state', 'live');
  await expect(player).toHaveAttribute('data-join-ms', /\d/);
  await page.close();
  host.server.close();
});

test('a player in a frame offers nothing that does not work there', async () => {
  const id = broadcaster.watchUrl.split('/').at(-1) ?? '';
  const host = await hostOf(
    `<iframe src="${undead.url}/embed/${id}" width="640" height="360" allow="autoplay"></iframe>`,
  );
  const page = await stage.page(host.url);
  const frame = await embedded(page);
  const player = frame.locator('ud-player');
  await expect(player).toHaveAttribute('data-state', 'live');
  await expect(player).toHaveAttribute('data-join-ms', /\d/);
  await frame.locator('video').hover();
  await expect(frame.getByRole('button', { name: 'Pause (space)' })).toBeAttached();
  await expect(frame.getByRole('button', { name: /full screen/i })).toHaveCount(0);

  await broadcaster.end();
  await expect(player).toHaveAttribute('data-state', 'ended');
  await expect(frame.getByText('This stream has ended')).toBeVisible();
  const opened = page.context().waitForEvent('page');
  await frame.getByRole('link', { name: 'See what is live' }).click();
  await expect(await opened).toHaveURL(`${undead.url}/view`);
  expect(frame.url()).toContain('/embed/');
  host.server.close();
});

async function embedded(page: Page): Promise<Frame> {
  await expect.poll(() => page.frames().length).toBe(2);
  return page.frames().slice(1)[0] ?? page.mainFrame();
}

/** A page of another origin. */
async function hostOf(body: string): Promise<{ url: string; server: Server }> {
  const server = createServer((_request, response) => response.setHeader('content-type', 'text/html').end(body));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://localhost:${(server.address() as AddressInfo).port}/`, server };
}

// The library's page in Chromium: sound after a press, no gap when a node dies, no repeated fetches, and offline use.
// Nodes and main server run in this process, so that bytes can be counted and a node can die in the middle of a
// fragment.
import AxeBuilder from 'axe-core';
import { expect, test, type Browser, type BrowserContext } from '@playwright/test';

import { launchBrowser } from './support/browser.ts';
import { FakeLibrary } from './support/fake-library.ts';
import { LibraryPage } from './support/library-page.ts';
import { Complaints } from './support/pages.ts';

let library: FakeLibrary;
let browser: Browser;
let context: BrowserContext;
let complaints: Complaints;
const ids: Record<string, string> = {};

test.beforeAll(async () => {
  library = await FakeLibrary.open();
  ids.mp3 = await library.add('Tone in MP3', 'mp3', 40, { artist: 'Sine', tags: ['tone'] });
  ids.aac = await library.add('Tone in AAC', 'aac', 25);
  ids.flac = await library.add('Tone in FLAC', 'flac', 25);
  ids.opus = await library.add('Tone in Opus', 'opus', 25);
  ids.vp9 = await library.add('Test picture', 'vp9', 25);
  browser = await launchBrowser();
});

test.afterAll(async () => {
  await browser.close();
  library.close();
});

test.beforeEach(async () => {
  complaints = new Complaints();
  context = await browser.newContext({ bypassCSP: true, viewport: { width: 1280, height: 800 } });
});

test.afterEach(async () => {
  await context.close();
});

async function open(path = '/library'): Promise<LibraryPage> {
  const page = await context.newPage();
  complaints.watch(page);
  await page.goto(library.url + path);
  return new LibraryPage(page);
}

async function play(library: LibraryPage, title: string): Promise<void> {
  await library.page.getByRole('button', { name: `Play ${title}`, exact: true }).click();
}

for (const [format, title] of [
  ['mp3', 'Tone in MP3'],
  ['aac', 'Tone in AAC'],
  ['flac', 'Tone in FLAC'],
  ['opus', 'Tone in Opus'],
] as const) {
  test(`${format} is audible after a press, and after a seek`, async () => {
    const shown = await open();
    await shown.listen();
    await play(shown, title);
    const heard = await shown.expectHeard(300);
    expect(heard.peak).toBeGreaterThan(0.02);
    await shown.page.getByRole('slider', { name: 'Position' }).focus();
    for (let i = 0; i < 3; i++) await shown.page.keyboard.press('ArrowRight');
    await shown.expectPast(15.2);
    expect(complaints.lines).toEqual([]);
  });
}

test('a node that dies in the middle of a fragment is not audible', async () => {
  const shown = await open();
  await shown.listen();
  // The second fragment breaks off.
  const [dying, ...others] = library.nodes;
  if (dying === undefined) throw new Error('no nodes');
  const first = library.items.get(ids.mp3 ?? '')?.takes[0]?.fragments[0]?.bytes ?? 0;
  dying.dieAfterBytes = first + 50_000;
  await play(shown, 'Tone in MP3');
  await shown.expectPast(12, 30_000);
  // A slow browser may drop a broken answer, so the fragment may be requested from its first byte.
  expect(dying.brokeOff.size).toBeGreaterThan(0);
  const asked = others.flatMap((node) => node.asked).map(({ hash }) => hash);
  expect(asked).toEqual(expect.arrayContaining([...dying.brokeOff]));
  const heard = await shown.heard();
  expect(heard.longestGapMs).toBeLessThan(5);
  expect(heard.heardMs).toBeGreaterThan(9_000);
  expect(await shown.page.evaluate(() => 'waited' in window)).toBe(false);
  await dying.start();
  dying.dieAfterBytes = Infinity;
});

test('the first picture of an item is shown before its page has loaded, in its place, and its media is requested once', async () => {
  const page = await context.newPage();
  complaints.watch(page);
  const first = library.items.get(ids.vp9 ?? '')?.takes[0]?.fragments[0]?.hash ?? '';
  const asked = (): number => library.nodes.flatMap((node) => node.asked).filter(({ hash }) => hash === first).length;
  const before = asked();
  // The page's code is held back.
  let goOn = (): void => undefined;
  const isAsked = new Promise<void>((resolve) => (goOn = resolve));
  await page.route('**/assets/elements-*.js', async (route) => {
    await isAsked;
    await route.continue();
  });
  await page.goto(`${library.url}/library/${ids.vp9}`, { waitUntil: 'commit' });
  await expect.poll(asked).toBe(before + 1);
  const picture = page.locator('ud-library-page > video');
  await expect.poll(() => picture.evaluate((video: HTMLVideoElement) => video.readyState)).toBeGreaterThan(1);
  const early = { element: await picture.elementHandle(), place: await picture.boundingBox() };
  goOn();
  const shown = new LibraryPage(page);
  await shown.media.waitFor({ state: 'attached' });
  expect(await shown.media.evaluate((video, early) => video === early, early.element)).toBe(true);
  await expect.poll(() => shown.media.boundingBox()).toEqual(early.place);
  await expect.poll(() => shown.loadedS()).toBeGreaterThan(24);
  expect(asked()).toBe(before + 1);
  expect(complaints.lines).toEqual([]);
});

test('a played item plays again without a byte from a node, and is saved without one', async () => {
  const shown = await open();
  await shown.expectWorker();
  await play(shown, 'Tone in Opus');
  await expect.poll(() => shown.loadedS()).toBeGreaterThan(24);
  await shown.expectKept();
  const sent = library.sentBytes;
  await shown.page.reload();
  await play(shown, 'Tone in Opus');
  await shown.expectPast(1);
  await expect.poll(() => shown.loadedS()).toBeGreaterThan(24);
  await shown.page.getByRole('link', { name: 'Open Tone in Opus' }).click();
  const saving = shown.page.waitForEvent('download');
  await shown.page.getByRole('button', { name: 'Download' }).click();
  const file = await saving;
  expect(file.suggestedFilename()).toBe('Tone in Opus.m4a');
  await expect(shown.page.getByText('were in this browser already')).toBeVisible();
  await expect(shown.page.getByText('Fetched: 0 B')).toBeVisible();
  expect(library.sentBytes).toBe(sent);
});

test('a download after partial playback fetches the missing fragments', async () => {
  const shown = await open();
  await shown.expectWorker();
  const all = library.items.get(ids.flac ?? '')?.takes[0];
  const bytes = (all?.fragments ?? []).reduce((sum, fragment) => sum + fragment.bytes, all?.init?.bytes ?? 0);
  const before = library.sentBytes;
  await play(shown, 'Tone in FLAC');
  await shown.expectPast(0.5);
  await shown.page.getByRole('link', { name: 'Open Tone in FLAC' }).click();
  const saving = shown.page.waitForEvent('download');
  await shown.page.getByRole('button', { name: 'Download' }).click();
  const file = await (await saving).createReadStream();
  let size = 0;
  for await (const part of file) size += (part as Buffer).length;
  expect(size).toBe(bytes);
  expect(library.sentBytes - before).toBe(bytes);
});

test('a played item plays offline, from its own address', async () => {
  const shown = await open(`/library/${ids.aac}`);
  await shown.expectWorker();
  await shown.page.reload();
  await expect.poll(() => shown.loadedS()).toBeGreaterThan(24);
  await shown.page.getByRole('link', { name: 'Library' }).click();
  await shown.expectKept();
  await shown.expectPageKept();
  library.close();
  await shown.page.goto(`${library.url}/library/${ids.aac}`);
  await expect(shown.page.getByRole('heading', { level: 1 })).toHaveText('Tone in AAC');
  await expect.poll(() => shown.loadedS()).toBeGreaterThan(1);
  // By then it plays, or the browser refused autoplay. In some runs Chromium remembers clicks on the site's other
  // pages.
  if (await shown.isPaused()) {
    await shown.page.mouse.click(640, 20);
    await shown.page.keyboard.press('k');
  }
  await shown.expectPast(1);
  await shown.page.goto(`${library.url}/library`);
  await expect(shown.page.getByText('You are offline')).toBeVisible();
  await expect(shown.page.locator('ud-item-card')).toHaveCount(1);
  for (const server of [library, ...library.nodes]) await server.start();
});

test('playback continues while browsing, and then with the queue', async () => {
  const shown = await open();
  const { page } = shown;
  await play(shown, 'Tone in AAC');
  await page.getByRole('button', { name: 'Add to queue: Test picture' }).click();
  await page.getByRole('searchbox').fill('flac');
  await expect(page.locator('ud-item-card')).toHaveCount(1);
  await shown.expectPast(0.5);
  await page.getByRole('link', { name: 'Open Tone in AAC' }).click();
  await expect(page).toHaveURL(/\/library\/0+2$/);
  const at = await shown.positionS();
  await page.goBack();
  await shown.expectPast(at);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Next (n)' }).click();
  await expect(page.getByRole('link', { name: 'Open Test picture' })).toBeVisible();
  const size = (): Promise<number> => shown.media.evaluate((video: HTMLVideoElement) => video.videoWidth);
  await expect.poll(size).toBe(640);
  expect(complaints.lines).toEqual([]);
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`list, item and queue are accessible, ${colorScheme}`, async () => {
    await context.close();
    context = await browser.newContext({ bypassCSP: true, colorScheme, viewport: { width: 390, height: 844 } });
    const shown = await open();
    await play(shown, 'Tone in MP3');
    await shown.expectPast(0.2);
    await shown.page.addScriptTag({ content: AxeBuilder.source });
    const violations = async (): Promise<string[]> =>
      await shown.page.evaluate(async () => {
        const { axe } = window as unknown as { axe: typeof AxeBuilder };
        const { violations } = await axe.run();
        return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
      });
    expect(await violations()).toEqual([]);
    await shown.page.getByRole('link', { name: 'Open Tone in MP3' }).click();
    await shown.page.getByRole('button', { name: 'Queue', exact: true }).click();
    expect(await violations()).toEqual([]);
  });
}

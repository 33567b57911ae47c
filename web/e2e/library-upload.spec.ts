// Uploads in the page, to a real server, by choosing or dropping files: progress, the reason of a refusal, and
// playback.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { expect, test, type Browser, type Locator, type Page } from '@playwright/test';

import type { Item } from '../src/protocol/item.ts';
import { launchBrowser } from './support/browser.ts';
import { LibraryPage } from './support/library-page.ts';
import { NAME, Operator, PASSWORD } from './support/operator.ts';
import { Complaints } from './support/pages.ts';
import { Undead } from './support/undead.ts';

const TONE = ['-f', 'lavfi', '-i', 'sine=frequency=440:duration=25'];
const PICTURE = ['-f', 'lavfi', '-i', 'testsrc=size=640x360:rate=25:duration=25'];
const PRESETS = [
  '-c:v',
  'libx264',
  '-preset',
  'ultrafast',
  '-pix_fmt',
  'yuv420p',
  '-g',
  '50',
  '-c:a',
  'aac',
  '-shortest',
];

let undead: Undead;
let operator: Operator;
let browser: Browser;
let complaints: Complaints;
let folder: string;

test.beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'undead-files-'));
  await ffmpeg(...TONE, '-metadata', 'title=A tone', '-metadata', 'artist=Sine', '-b:a', '192k', file('tone.mp3'));
  await ffmpeg(...TONE, ...PICTURE, ...PRESETS, file('picture.mp4'));
  await writeFile(file('songs.zip'), Buffer.concat([Buffer.from('PK\u0003\u0004'), Buffer.alloc(4_000, 7)]));
  undead = await Undead.up();
  operator = await Operator.of(undead);
});

test.beforeEach(async () => {
  browser = await launchBrowser();
  complaints = new Complaints();
});

test.afterEach(async () => {
  await browser.close();
  expect(complaints.lines).toEqual([]);
});

test.afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  expect(undead.errors()).toEqual([]);
  await undead.stop();
});

function file(name: string): string {
  return path.join(folder, name);
}

async function ffmpeg(...args: string[]): Promise<void> {
  await promisify(execFile)('ffmpeg', ['-hide_banner', '-loglevel', 'error', '-y', ...args]);
}

async function open(prepare?: (page: Page) => Promise<void>): Promise<LibraryPage> {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  complaints.watch(page);
  await prepare?.(page);
  await page.goto(`${undead.url}/library`);
  return new LibraryPage(page);
}

async function openSignedIn(): Promise<LibraryPage> {
  return await open((page) => operator.signInto(page));
}

async function choose({ page }: LibraryPage, ...names: string[]): Promise<void> {
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Upload', exact: true }).click();
  await (await chooser).setFiles(names.map(file));
}

/** Drops files on the page, like a file manager. */
async function drop({ page }: LibraryPage, name: string): Promise<void> {
  const bytes = (await readFile(file(name))).toString('base64');
  const files = await page.evaluateHandle(
    ({ bytes, name }) => {
      const files = new DataTransfer();
      files.items.add(new File([Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0))], name));
      return files;
    },
    { bytes, name },
  );
  // A drag repeats the event, and the page reacts once it knows that this person may upload.
  await expect(async () => {
    await page.dispatchEvent('body', 'dragover', { dataTransfer: files });
    await expect(page.getByText('Drop to upload')).toBeVisible({ timeout: 350 });
  }).toPass();
  await page.dispatchEvent('body', 'drop', { dataTransfer: files });
  await expect(page.getByText('Drop to upload')).toHaveCount(0);
}

/** The row of a file in the list of uploads. */
function row({ page }: LibraryPage, name: string): Locator {
  return page.locator('ud-uploads li', { hasText: name });
}

async function openItem(shown: LibraryPage, name: string): Promise<void> {
  await expect(row(shown, name).getByText('In the library')).toBeVisible({ timeout: 60_000 });
  await row(shown, name).getByRole('link', { name: 'Open' }).click();
}

test('a chosen song is uploaded, and plays', async () => {
  const shown = await openSignedIn();
  await choose(shown, 'tone.mp3');
  await openItem(shown, 'tone.mp3');
  const { page } = shown;
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('A tone');
  await expect(page.locator('ud-item-details').getByText('Sine')).toBeVisible();
  await shown.expectPast(0.5);
  await expect.poll(() => shown.loadedS()).toBeGreaterThan(24);
  // Not by a reload, which would end playback.
  await page.getByRole('link', { name: 'Library' }).first().click();
  await expect(page.locator('ud-item-card', { hasText: 'A tone' })).toBeVisible();
  await expect(row(shown, 'tone.mp3')).toBeVisible();
});

test('a video dropped on the page is uploaded, with progress, and plays', async () => {
  const shown = await openSignedIn();
  const { page } = shown;
  // Parts of the upload are held back until the progress was seen.
  let goOn = (): void => undefined;
  const seen = new Promise<void>((resolve) => (goOn = resolve));
  await page.route('**/api/uploads/**', async (route) => {
    if (route.request().method() === 'PATCH') await seen;
    await route.continue();
  });
  await drop(shown, 'picture.mp4');
  await expect(row(shown, 'picture.mp4').getByRole('progressbar')).toHaveAttribute('aria-label', /picture\.mp4/);
  goOn();
  await openItem(shown, 'picture.mp4');
  await shown.expectPast(0.5);
  const width = (): Promise<number> => shown.media.evaluate((video: HTMLVideoElement) => video.videoWidth);
  await expect.poll(width).toBe(640);
  // The page made pictures: a cover, and some for the time line, which arrive meanwhile.
  const itemId = new URL(page.url()).pathname.split('/').at(-1) ?? '';
  const item = async () => (await operator.call('GET', `/api/library/${itemId}`)) as Partial<Item>;
  await expect.poll(async () => (await item()).previews?.length, { timeout: 30_000 }).toBe(21);
  const { poster_url: cover = '', previews = [] } = await item();
  expect(previews.at(-1)?.at_ms).toBe(24_375);
  await expect.poll(() => sizeOf(page, cover)).toEqual([640, 360]);
  await expect.poll(() => sizeOf(page, previews.at(-1)?.url ?? '')).toEqual([160, 90]);
  await page.locator('ud-timeline').hover();
  await expect(page.locator('ud-timeline .tip img')).toBeVisible();
});

/** Width and height of a picture, as loaded by this page. */
async function sizeOf(page: Page, url: string): Promise<number[]> {
  return await page.evaluate(async (url) => {
    const image = new Image();
    image.src = url;
    await image.decode();
    return [image.naturalWidth, image.naturalHeight];
  }, url);
}

test('a file that is neither sound nor picture is refused with the reason', async () => {
  const shown = await openSignedIn();
  await choose(shown, 'songs.zip', 'tone.mp3');
  await expect(row(shown, 'songs.zip').getByRole('alert')).toContainText('it is an archive', { timeout: 60_000 });
  await expect(row(shown, 'songs.zip').getByRole('button')).toHaveCount(1);
  // The refusal does not affect the other file.
  await expect(row(shown, 'tone.mp3').getByText('In the library')).toBeVisible({ timeout: 60_000 });
});

test('clients that may not upload see no button until they have signed in', async () => {
  const { page } = await open();
  await expect(page.getByRole('searchbox')).toBeVisible();
  await expect(page.locator('ud-item-card, .empty').first()).toBeVisible();
  await expect(page.getByRole('button', { name: 'Upload', exact: true })).toHaveCount(0);
  await expect(page.locator('ud-uploads')).toHaveCount(0);
  await page.getByRole('button', { name: 'Sign in to upload' }).click();
  await page.getByLabel('Name').fill(NAME);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByLabel('Password', { exact: true }).press('Enter');
  await expect(page.getByRole('button', { name: 'Upload', exact: true })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Sign in to upload' })).toHaveCount(0);
});

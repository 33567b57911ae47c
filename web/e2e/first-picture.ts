// How long the first picture of a video takes from the moment its page is asked for, in new browsers and on a second visit, and how
// long a page with nothing but a media element takes with the same media. Not part of the tests, because the answer is a measurement:
// `npm run first-picture`. `TRACE=folder` writes a trace of each kind of visit there.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { test, type Browser } from '@playwright/test';

import { BareMedia } from './support/bare-media.ts';
import { launchBrowser } from './support/browser.ts';
import { firstPicture, noteFirstPicture, type FirstPicture } from './support/picture-times.ts';
import { LiveRecording } from './support/live-recording.ts';
import { Operator } from './support/operator.ts';
import { median } from './support/painted-clock.ts';
import { Undead } from './support/undead.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 9);
const TRACE = process.env.TRACE;
/** Until what starting a browser, or leaving a page, brought about is over. */
const SETTLES_MS = 1_500;
const PICTURE = ['-f', 'lavfi', '-i', 'testsrc2=size=1280x720:rate=30:duration=30'];
const TONE = ['-f', 'lavfi', '-i', 'sine=frequency=440:duration=30'];
const H264 = [
  '-c:v',
  'libx264',
  '-preset',
  'veryfast',
  '-b:v',
  '2500k',
  '-pix_fmt',
  'yuv420p',
  '-g',
  '60',
  '-c:a',
  'aac',
];

let undead: Undead;
let folder: string;
let bare: BareMedia;
let live: LiveRecording;
let item: string;

test.beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'undead-picture-'));
  const file = path.join(folder, 'picture.mp4');
  await promisify(execFile)('ffmpeg', ['-hide_banner', '-loglevel', 'error', ...PICTURE, ...TONE, ...H264, file]);
  undead = await Undead.up();
  const operator = await Operator.of(undead);
  item = await operator.upload('picture.mp4', await readFile(file));
  bare = await BareMedia.serve(await BareMedia.beginningOf(undead.url, item));
  live = await LiveRecording.publish(undead.url, 'webm-vp9-opus-100ms-key1s');
});

test.afterAll(async () => {
  live.close();
  bare.close();
  await rm(folder, { recursive: true, force: true });
  await undead.stop();
});

/** Visits `url` twice in a new browser. */
async function visitTwice(url: string, trace?: string): Promise<[FirstPicture, FirstPicture]> {
  const browser = await launchBrowser();
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    await noteFirstPicture(context);
    const visit = async (name: string): Promise<FirstPicture> => {
      const page = await context.newPage();
      await page.waitForTimeout(SETTLES_MS);
      const seen =
        trace === undefined
          ? firstPicture(page, url)
          : traced(browser, `${trace}-${name}`, () => firstPicture(page, url));
      const found = await seen;
      // Until the page is complete, and what it keeps for the next visit is kept.
      await page.waitForTimeout(SETTLES_MS);
      await page.close();
      return found;
    };
    return [await visit('new'), await visit('again')];
  } finally {
    await browser.close();
  }
}

async function traced<T>(browser: Browser, name: string, action: () => Promise<T>): Promise<T> {
  await mkdir(TRACE ?? '', { recursive: true });
  await browser.startTracing(undefined, { path: path.join(TRACE ?? '', `${name}.json`) });
  try {
    return await action();
  } finally {
    await browser.stopTracing();
  }
}

function tell(what: string, seen: readonly FirstPicture[]): void {
  const of = (name: keyof FirstPicture): number[] =>
    seen.map((one) => Math.round(Number(one[name]))).sort((a, b) => a - b);
  const names = ['answeredMs', 'pageMs', 'attachedMs', 'appendedMs', 'metadataMs', 'decodedMs', 'pictureMs'] as const;
  const medians = Object.fromEntries(names.map((name) => [name, median(of(name))]));
  console.log(JSON.stringify({ what, ...medians, all: of('pictureMs') }));
}

test('from the page to the first picture', async () => {
  const kinds = { bare: bare.url, item: `${undead.url}/library/${item}`, live: `${undead.url}/view/${live.streamId}` };
  const seen: Record<string, FirstPicture[]> = {};
  for (let round = 0; round < ROUNDS; round++)
    for (const [kind, url] of Object.entries(kinds)) {
      const [first, again] = await visitTwice(url);
      (seen[`${kind}, new browser`] ??= []).push(first);
      (seen[`${kind}, second visit`] ??= []).push(again);
    }
  for (const [kind, url] of TRACE === undefined ? [] : Object.entries(kinds)) {
    for (const one of await visitTwice(url, kind)) console.log(kind, JSON.stringify(one, null, 1));
  }
  for (const [what, all] of Object.entries(seen)) tell(what, all);
});

// How long the first sound of a song takes from the click on it in the library's list, in new browsers and on a second
// visit, in Chromium and Firefox. The sound is taken where it leaves the page, so what a sound card adds does not count.
// Not part of the tests, because the answer is a measurement: `npm run first-sound`.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { expect, test } from '@playwright/test';

import { launchBrowser } from './support/browser.ts';
import { Firefox } from './support/firefox.ts';
import { Loudspeaker } from './support/loudspeaker.ts';
import { Operator } from './support/operator.ts';
import { Complaints } from './support/pages.ts';
import { median } from './support/painted-clock.ts';
import { firstSound, noteFirstSound, type FirstSound } from './support/sound-times.ts';
import { Undead } from './support/undead.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 9);
/** Until the page is at rest, or what it keeps for the next visit is kept. */
const SETTLES_MS = 1_500;
const TITLE = 'song';
const SONG = ['-f', 'lavfi', '-i', 'sine=frequency=440:duration=40:sample_rate=44100', '-b:a', '256k'];

let undead: Undead;
let speaker: Loudspeaker;

test.beforeAll(async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'undead-first-sound-'));
  const file = path.join(folder, `${TITLE}.mp3`);
  await promisify(execFile)('ffmpeg', ['-hide_banner', '-loglevel', 'error', ...SONG, file]);
  undead = await Undead.up();
  await (await Operator.of(undead)).upload(`${TITLE}.mp3`, await readFile(file));
  await rm(folder, { recursive: true, force: true });
  speaker = await Loudspeaker.open();
});

test.afterAll(async () => {
  await speaker.close();
  await undead.stop();
});

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What the visits need of a page, in either browser. */
interface SongPage {
  goto(url: string): Promise<unknown>;
  evaluate<T>(run: () => T | Promise<T>): Promise<T>;
}

/** Plays the song on two visits. `button` waits for the song's button. */
async function visits(page: SongPage, button: () => Promise<{ click(): Promise<unknown> }>): Promise<FirstSound[]> {
  const seen: FirstSound[] = [];
  for (let visit = 0; visit < 2; visit++) {
    await page.goto(`${undead.url}/library`);
    const play = await button();
    await page.evaluate(noteFirstSound);
    await sleep(SETTLES_MS);
    await play.click();
    seen.push(await page.evaluate(firstSound));
    await sleep(SETTLES_MS);
  }
  return seen;
}

/** The visits of a new Chromium. */
async function inChromium(): Promise<FirstSound[]> {
  const browser = await launchBrowser(['--autoplay-policy=no-user-gesture-required'], speaker.env);
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    return await visits(page, async () => {
      const button = page.getByRole('button', { name: `Play ${TITLE}`, exact: true });
      await button.waitFor();
      return button;
    });
  } finally {
    await browser.close();
  }
}

/** The visits of a new Firefox. */
async function inFirefox(): Promise<FirstSound[]> {
  const firefox = await Firefox.launch(new Complaints(), speaker.env);
  try {
    const page = await firefox.open('about:blank');
    return await visits(page, async () => {
      // The page is asked again and again: puppeteer does not see what changes inside shadow roots.
      const find = () => page.$(`>>> button[aria-label="Play ${TITLE}"]`);
      await expect.poll(find).not.toBeNull();
      const button = await find();
      if (button === null) throw new Error('the button is gone');
      return button;
    });
  } finally {
    await firefox.close();
  }
}

function tell(what: string, seen: readonly FirstSound[]): void {
  const of = (name: keyof FirstSound): number[] => seen.map((one) => Math.round(one[name])).sort((a, b) => a - b);
  const names = ['allowedMs', 'manifestMs', 'appendedMs', 'playingMs', 'soundMs'] as const;
  const medians = Object.fromEntries(names.map((name) => [name, median(of(name))]));
  console.log(JSON.stringify({ what, ...medians, all: of('soundMs') }));
}

test('from the click to the first sound', async () => {
  const seen: Record<string, FirstSound[]> = {};
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, visitTwice] of [
      ['Chromium', inChromium],
      ['Firefox', inFirefox],
    ] as const)
      for (const [visit, heard] of (await visitTwice()).entries())
        (seen[`${name}, ${visit === 0 ? 'new browser' : 'second visit'}`] ??= []).push(heard);
  for (const [what, all] of Object.entries(seen)) tell(what, all);
});

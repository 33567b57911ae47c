// The karaoke player in Chromium and Firefox: both stems at the same sample during mixing; another key at the same
// tempo; lyrics. The vocals are the inverted accompaniment: together they are silent if and only if they are in step to
// the sample.
import { expect, test, type Browser, type Page } from '@playwright/test';

import { launchBrowser } from './support/browser.ts';
import { FakeLibrary } from './support/fake-library.ts';
import { Firefox } from './support/firefox.ts';
import { measureHeard, TAP, type Heard } from './support/heard.ts';
import { LibraryPage } from './support/library-page.ts';
import { Loudspeaker } from './support/loudspeaker.ts';
import { Complaints } from './support/pages.ts';

/** Noise differs in each sample, while a tone would be in step once per period. */
const NOISE = 'anoisesrc=color=pink:seed=7:sample_rate=44100:amplitude=0.4';
const TONE = 'sine=frequency=440:sample_rate=44100';
const SECONDS = 14;
/** As a share of full scale; one step of 16 bits is 0.00003. */
const SILENT = 0.0005;
const LOUD = 0.02;
const LRC = '[ti:Salt]\n[00:01.00]First line\n[00:04.00]Second line\n[00:09.00]Third line\n';
const ANN = {
  account: { name: 'ann', role: 'broadcaster' },
  broadcast: 'open',
  may_broadcast: true,
  setup_needed: false,
};

let library: FakeLibrary;
let browser: Browser;
let noise: string;
let tone: string;

test.beforeAll(async () => {
  library = await FakeLibrary.open(1);
  [noise, tone] = [await addSong('Noise', NOISE, `${NOISE},volume=-1`), await addSong('Salt', TONE, TONE)];
  browser = await launchBrowser();
});

test.afterAll(async () => {
  await browser.close();
  library.close();
});

/** A song with these sounds as stems. */
async function addSong(title: string, accompaniment: string, vocals: string, more: object = {}): Promise<string> {
  const stems = {
    accompaniment: await library.add(`${title} (accompaniment)`, 'flac', SECONDS, { ...more }, accompaniment),
    vocals: await library.add(`${title} (vocals)`, 'flac', SECONDS, { ...more }, vocals),
  };
  return await library.add(title, 'flac', 1, { stems, owner: 'ann', duration_ms: SECONDS * 1_000, ...more });
}

async function openSong(song: string): Promise<Page> {
  const page = await browser.newPage();
  await page.addInitScript(TAP);
  await page.goto(`${library.url}/karaoke/${song}`);
  await page.getByRole('button', { name: 'Play (space)' }).click();
  await expect(page.getByRole('button', { name: 'Pause (space)' })).toBeVisible();
  return page;
}

async function setVocals(page: Page, percent: number): Promise<void> {
  await page.getByRole('slider', { name: 'Vocals' }).fill(String(percent));
}

const rms = async (page: Page): Promise<number> => (await page.evaluate(measureHeard)).rms;

/** Expects to hear the tone shifted by so many semitones. */
async function expectKey(page: Page, semitones: number): Promise<void> {
  const hertz = 440 * 2 ** (semitones / 12);
  await expect.poll(async () => Math.abs((await page.evaluate(measureHeard)).hertz - hertz)).toBeLessThan(3);
}

test('Chromium plays both stems at the same sample, while the vocals are mixed, across fragments and after a seek', async () => {
  const complaints = new Complaints();
  const page = await openSong(noise);
  complaints.watch(page);
  await expect.poll(() => rms(page)).toBeGreaterThan(LOUD);
  const position = page.getByRole('slider', { name: 'Position' });
  await position.focus();
  await page.keyboard.press('ArrowRight');
  await setVocals(page, 100);
  await expect.poll(() => rms(page)).toBeLessThan(SILENT);
  await setVocals(page, 50);
  await expect.poll(() => rms(page)).toBeGreaterThan(LOUD / 2);
  await setVocals(page, 100);
  await expect.poll(() => rms(page)).toBeLessThan(SILENT);
  // Plays over the boundary of two fragments, where one sample too many or too few would be audible.
  await expect(position).toHaveAttribute('aria-valuetext', /^0:1[1-3] of/);
  expect(await rms(page)).toBeLessThan(SILENT);
  expect(complaints.lines).toEqual([]);
  await page.close();
});

test('Chromium changes the key', async () => {
  const page = await openSong(tone);
  await expectKey(page, 0);
  for (let i = 0; i < 3; i++) await page.getByRole('button', { name: 'Raise the key' }).click();
  await expectKey(page, 3);
  for (let i = 0; i < 9; i++) await page.getByRole('button', { name: 'Lower the key' }).click();
  await expect(page.getByRole('button', { name: 'Lower the key' })).toBeDisabled();
  await expectKey(page, -6);
  await page.close();
});

test('a stem is saved, even if this is the first page of the site that the browser opens', async () => {
  const page = await browser.newPage();
  await page.goto(`${library.url}/karaoke/${tone}`);
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Accompaniment' }).click();
  expect((await saved).suggestedFilename()).toBe('Salt (accompaniment).m4a');
  await page.close();
});

test('nothing of a private song stays in the browser when its owner signs out', async () => {
  library.me = ANN;
  const page = await openSong(await addSong('Secret', TONE, TONE, { visibility: 'private' }));
  const kept = (): Promise<number> => new LibraryPage(page).keptFragments();
  await expect.poll(kept).toBeGreaterThan(0);
  await page.getByRole('button', { name: 'Account ann' }).click();
  await page.getByRole('menuitem', { name: 'Sign out', exact: true }).click();
  await expect(page.getByText('No song here')).toBeVisible();
  await expect.poll(kept).toBe(0);
  await page.close();
});

test('the owner adds lyrics; the current line is marked, and a tap on a line seeks to it', async () => {
  library.me = ANN;
  const page = await openSong(tone);
  await expect(page.getByText('No lyrics yet')).toBeVisible();
  const lrc = { name: 'salt.lrc', mimeType: 'text/plain', buffer: Buffer.from(LRC) };
  await page.locator('input[type=file]').setInputFiles(lrc);
  const line = page.getByRole('button', { name: 'Third line' });
  await line.click();
  await expect(line).toHaveAttribute('aria-current', 'true');
  await expect(page.getByRole('slider', { name: 'Position' })).toHaveAttribute('aria-valuetext', /^0:(09|1\d) of/);
  await page.getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await expect(page.getByText('No lyrics yet')).toBeVisible();
  expect(library.lyrics.size).toBe(0);
  await page.close();
});

test('Firefox plays both stems at the same sample, also in another key', async () => {
  const complaints = new Complaints();
  // Without an audio device Firefox's audio clock stands still.
  const speaker = await Loudspeaker.open();
  const firefox = await Firefox.launch(complaints, speaker.env);
  const page = await firefox.open(`${library.url}/karaoke/${noise}`, TAP);
  const heard = async (): Promise<Heard> => await page.evaluate(measureHeard);
  const setVocals = async (share: number): Promise<void> =>
    await page.$$eval(
      '>>> #vocals',
      ([slider], value) => {
        (slider as HTMLInputElement).value = value;
        slider?.dispatchEvent(new Event('input'));
      },
      String(share),
    );
  await expect.poll(async () => (await page.$$('>>> .play')).length).toBe(1);
  await page.keyboard.press(' ');
  await expect.poll(async () => (await heard()).rms).toBeGreaterThan(LOUD);
  await setVocals(100);
  await expect.poll(async () => (await heard()).rms).toBeLessThan(SILENT);
  await page.$$eval('>>> .key button', ([, raise]) => raise?.dispatchEvent(new MouseEvent('click')));
  await setVocals(0);
  await expect.poll(async () => (await heard()).rms).toBeGreaterThan(LOUD);
  expect(complaints.lines).toEqual([]);
  await firefox.close();
  await speaker.close();
});

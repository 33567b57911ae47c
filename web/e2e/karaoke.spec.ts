// The karaoke player in Chromium and Firefox: both stems at the same sample, while they are mixed; another key at the same tempo; lyrics.
// The vocals are the accompaniment upside down: together they are silent if, and only if, they are in step to the sample.
import { expect, test, type Page } from '@playwright/test';

import { launchBrowser } from './support/browser.ts';
import { FakeLibrary } from './support/fake-library.ts';
import { Firefox } from './support/firefox.ts';
import { measureHeard, TAP, type Heard } from './support/heard.ts';
import { Loudspeaker } from './support/loudspeaker.ts';
import { Complaints } from './support/pages.ts';

/** Noise is another sound in each sample; a tone would be in step once a period. */
const NOISE = 'anoisesrc=color=pink:seed=7:sample_rate=44100:amplitude=0.4';
const TONE = 'sine=frequency=440:sample_rate=44100';
const LRC = '[ti:Salt]\n[00:01.00]First line\n[00:04.00]Second line\n[00:12.00]Third line\n[00:18.00]\n';

let library: FakeLibrary;

test.beforeAll(async () => {
  library = await FakeLibrary.open(1);
});

test.afterAll(() => library.close());

/** A song whose stems are these sounds. */
async function addSong(title: string, accompaniment: string, vocals: string): Promise<string> {
  const stems = {
    accompaniment: await library.add(`${title} (accompaniment)`, 'flac', 25, {}, accompaniment),
    vocals: await library.add(`${title} (vocals)`, 'flac', 25, {}, vocals),
  };
  const song = await library.add(title, 'flac', 25, { stems, owner: 'ann', artist: 'The Tides' }, accompaniment);
  const record = library.items.get(song)?.record;
  if (record !== undefined) record.waveform_url = `/api/library/${song}/waveform`;
  return song;
}

const opposite = (sound: string): string => `${sound},volume=-1`;

async function openSong(page: Page, song: string): Promise<void> {
  await page.addInitScript(TAP);
  await page.goto(`${library.url}/karaoke/${song}`);
  await page.getByRole('button', { name: 'Play (space)' }).click();
  await expect(page.getByRole('button', { name: 'Pause (space)' })).toBeVisible();
}

async function setVocals(page: Page, percent: number): Promise<void> {
  await page.getByRole('slider', { name: 'Vocals' }).fill(String(percent));
}

const heardIn = (page: Page): Promise<Heard> => page.evaluate(measureHeard);
const rms = async (page: Page): Promise<number> => (await heardIn(page)).rms;

test('Chromium plays both stems at the same sample, while the vocals are mixed, across fragments and after seeks', async () => {
  const song = await addSong('Noise', NOISE, opposite(NOISE));
  const browser = await launchBrowser();
  const page = await browser.newPage();
  const complaints = new Complaints();
  complaints.watch(page);
  await openSong(page, song);
  await expect.poll(() => rms(page)).toBeGreaterThan(0.02);
  await setVocals(page, 100);
  await expect.poll(() => rms(page)).toBeLessThan(0.0005);
  await setVocals(page, 50);
  await expect.poll(() => rms(page)).toBeGreaterThan(0.01);
  await setVocals(page, 100);
  const position = page.getByRole('slider', { name: 'Position' });
  await position.focus();
  await page.keyboard.press('ArrowRight');
  await expect(position).toHaveAttribute('aria-valuetext', /^0:(09|1\d) of/);
  // Over the edge between two fragments, where a sample too many or too few would be heard.
  await expect(position).toHaveAttribute('aria-valuetext', /^0:1[2-9] of/);
  expect(await rms(page)).toBeLessThan(0.0005);
  await setVocals(page, 0);
  await expect.poll(() => rms(page)).toBeGreaterThan(0.02);
  expect(complaints.lines).toEqual([]);
  await browser.close();
});

test('Chromium changes the key and not the tempo', async () => {
  const song = await addSong('Tone', TONE, TONE);
  const browser = await launchBrowser();
  const page = await browser.newPage();
  await openSong(page, song);
  await expect.poll(async () => Math.abs((await heardIn(page)).hertz - 440)).toBeLessThan(1);
  for (let i = 0; i < 3; i++) await page.getByRole('button', { name: 'Raise the key' }).click();
  await expect.poll(async () => Math.abs((await heardIn(page)).hertz - 440 * 2 ** (3 / 12))).toBeLessThan(3);
  for (let i = 0; i < 9; i++) await page.getByRole('button', { name: 'Lower the key' }).click();
  await expect(page.getByRole('button', { name: 'Lower the key' })).toBeDisabled();
  await expect.poll(async () => Math.abs((await heardIn(page)).hertz - 440 * 2 ** (-6 / 12))).toBeLessThan(3);
  for (let i = 0; i < 6; i++) await page.getByRole('button', { name: 'Raise the key' }).click();
  await expect.poll(async () => Math.abs((await heardIn(page)).hertz - 440)).toBeLessThan(1);
  await browser.close();
});

test('the owner adds lyrics; the line that is sung is marked, and a tap on a line goes there', async () => {
  const song = await addSong('Salt', TONE, TONE);
  library.me = {
    account: { name: 'ann', role: 'broadcaster' },
    broadcast: 'open',
    may_broadcast: true,
    setup_needed: false,
  };
  const browser = await launchBrowser();
  const page = await browser.newPage();
  await openSong(page, song);
  await expect(page.getByText('No lyrics yet')).toBeVisible();
  const choose = async (name: string, lrc: string): Promise<void> => {
    await page.locator('input[type=file]').setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(lrc) });
  };
  await choose('words.txt', 'only words');
  await expect(page.getByRole('alert')).toContainText('no line with a time');
  await choose('salt.lrc', LRC);
  const line = page.getByRole('button', { name: 'Third line' });
  await line.click();
  await expect(line).toHaveAttribute('aria-current', 'true');
  await expect(page.getByRole('slider', { name: 'Position' })).toHaveAttribute('aria-valuetext', /^0:1[2-7] of/);
  await page.getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await expect(page.getByText('No lyrics yet')).toBeVisible();
  expect(library.lyrics.size).toBe(0);
  await browser.close();
});

test('Firefox plays both stems at the same sample, and changes the key', async () => {
  const song = await addSong('Firefox noise', NOISE, opposite(NOISE));
  const complaints = new Complaints();
  // Without a device for sound its clock of sound stands.
  const speaker = await Loudspeaker.open();
  const firefox = await Firefox.launch(complaints, speaker.env);
  const page = await firefox.open(`${library.url}/karaoke/${song}`, TAP);
  const heard = (): Promise<Heard> => page.evaluate(measureHeard);
  await expect.poll(() => page.$$eval('>>> .play', (found) => found.length)).toBe(1);
  await page.keyboard.press(' ');
  await expect.poll(async () => (await heard()).rms).toBeGreaterThan(0.02);
  const setVocals = (value: string): Promise<void> =>
    page.$$eval(
      '>>> #vocals',
      ([slider], value) => {
        (slider as HTMLInputElement).value = value;
        slider?.dispatchEvent(new Event('input'));
      },
      value,
    );
  await setVocals('100');
  await expect.poll(async () => (await heard()).rms).toBeLessThan(0.0005);
  await setVocals('0');
  await expect.poll(async () => (await heard()).rms).toBeGreaterThan(0.02);
  expect(complaints.lines).toEqual([]);
  await firefox.close();
  await speaker.close();
});

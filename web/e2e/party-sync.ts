// How far apart six members of a party, in Chromium and Firefox, hear the same: measured from a recording of what all of them play, in
// which each has tones of a pitch of its own. Not part of the tests, because the answer is a measurement: `npm run party-sync`.
import { test, type Browser } from '@playwright/test';
import puppeteer, { type Browser as FirefoxBrowser } from 'puppeteer-core';

import { launchBrowser } from './support/browser.ts';
import { FakePartyServer, PITCHES, TONE_EVERY_MS } from './support/fake-party-server.ts';
import { beginnings, Loudspeaker } from './support/loudspeaker.ts';
import { quantile, spreads } from './support/spread.ts';

const HEARD_MS = Number(process.env.HEARD_MS ?? 30_000);
const SETTLES_MS = Number(process.env.SETTLES_MS ?? 8_000);
const MEMBERS = { chromium: Number(process.env.CHROMIUMS ?? 3), firefox: Number(process.env.FIREFOXES ?? 3) };

let speaker: Loudspeaker;
let server: FakePartyServer;
let chromium: Browser | undefined;
let firefox: FirefoxBrowser | undefined;
const looks: (() => Promise<unknown>)[] = [];
const names = [
  ...Array.from({ length: MEMBERS.chromium }, (_, n) => `chromium${n}`),
  ...Array.from({ length: MEMBERS.firefox }, (_, n) => `firefox${n}`),
];

test.beforeAll(async () => {
  speaker = await Loudspeaker.open();
  server = await FakePartyServer.open(names);
  if (MEMBERS.chromium > 0) chromium = await launchBrowser(['--autoplay-policy=no-user-gesture-required'], speaker.env);
  if (MEMBERS.firefox > 0)
    firefox = await puppeteer.launch({
      browser: 'firefox',
      executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
      env: speaker.env,
      extraPrefsFirefox: { 'media.autoplay.default': 0, 'media.cubeb.backend': 'pulse', 'media.cubeb.sandbox': false },
    });
});

test.afterAll(async () => {
  await Promise.allSettled([chromium?.close(), firefox?.close()]);
  await server.close();
  await speaker.close();
});

function look(): unknown {
  const { view } = window.party;
  const [a, b] = document.querySelectorAll('video');
  return [
    view.playback.phase,
    view.playback.problem?.code,
    view.playback.problem?.message,
    Math.round(view.playback.errorMs ?? NaN),
    a?.playbackRate,
    a?.currentTime,
    b?.currentTime,
    a?.error?.message,
  ];
}

async function open(name: string): Promise<void> {
  const address = server.address(name);
  if (name.startsWith('chromium')) {
    const page = await (await chromium?.newContext())?.newPage();
    page?.on('console', (message) => console.log(name, message.text()));
    page?.on('pageerror', (error) => console.log(name, String(error)));
    await page?.goto(address);
    if (page) looks.push(async () => await page.evaluate(look));
  } else {
    const page = await firefox?.newPage({ type: 'window' });
    page?.on('pageerror', (error) => console.log(name, String(error)));
    await page?.goto(address);
    if (page) looks.push(async () => await page.evaluate(look));
  }
}

async function measure(what: string, heardMs = HEARD_MS): Promise<void> {
  speaker.record();
  await sleep(heardMs);
  const heard = speaker.stop();
  const all = names.map((_, n) => beginnings(heard, PITCHES[n] ?? 0));
  const found = spreads(all, TONE_EVERY_MS);
  const spread = found.map(({ spreadMs }) => spreadMs);
  const off = names.map((name, n) => [
    name,
    quantile(
      found.map(({ offMs }) => offMs[n] ?? NaN),
      0.5,
    ),
  ]);
  console.log(
    JSON.stringify({
      what,
      moments: found.length,
      tones: all.map(({ length }) => length),
      spread_ms: { median: quantile(spread, 0.5), p95: quantile(spread, 0.95), most: quantile(spread, 1) },
      off_ms: Object.fromEntries(off) as unknown,
    }),
  );
  for (const [n, seen] of looks.entries()) console.log(names[n], JSON.stringify(await seen()));
}

test('six members hear the same', async () => {
  await server.add('a', 60 + (HEARD_MS + SETTLES_MS) / 1000);
  await server.add('b', 120);
  for (const name of names) await open(name);
  await sleep(3_000);
  server.next();
  await sleep(SETTLES_MS);
  await measure('a song');
  server.seek(5_000);
  await sleep(2_000);
  await measure('after a seek', 8_000);
  server.pause();
  await sleep(2_000);
  server.play();
  await sleep(2_000);
  await measure('after a pause', 8_000);
  server.next();
  await measure('the next song', 12_000);
  console.log(JSON.stringify(Object.fromEntries(server.reports)));
});

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

// How Firefox shows what Chromium broadcasts, beside Chromium, and the other way round. Not part of the tests, because the
// answer is a measurement. It prints a line for each viewer and leaves the judgement to the reader.
import { test } from '@playwright/test';

import type { Watching } from './support/pages.ts';
import { latenciesMs, median, pictures } from './support/painted-clock.ts';
import { CODECS, TwoBrowsers, closeAll } from './support/two-browsers.ts';

const WATCHED_MS = Number(process.env.WATCHED_MS ?? 10_000);
/** Until what joining brought about is over. */
const SETTLES_MS = 5_000;

let browsers: TwoBrowsers;

test.beforeAll(async () => {
  browsers = await TwoBrowsers.open();
});

test.afterAll(async () => {
  await browsers.close();
});

async function measure(stream: string, url: string): Promise<void> {
  const viewers = await browsers.watch(url);
  await viewers.chromium.page.waitForTimeout(SETTLES_MS);
  await Promise.all(Object.entries(viewers).map(([watching, viewer]) => look({ stream, watching }, viewer)));
  await closeAll(...Object.values(viewers));
}

async function look(of: { stream: string; watching: string }, viewer: Watching): Promise<void> {
  const count = async (): Promise<number[]> =>
    await Promise.all(['stalls', 'jumps'].map(async (name) => await viewer.tellsNumber(name)));
  const [stallsBefore = 0, jumpsBefore = 0] = await count();
  const sights = await viewer.sights(WATCHED_MS);
  const claims = sights.flatMap(({ claimedLatencyMs }) => claimedLatencyMs ?? []);
  const [stalls = 0, jumps = 0] = await count();
  const figures = {
    pictures: pictures(sights),
    latency_painted_ms: sights.length > 0 ? Math.round(median(latenciesMs(sights))) : null,
    latency_shown_ms: claims.length > 0 ? median(claims) : null,
    stalls: stalls - stallsBefore,
    jumps: jumps - jumpsBefore,
    join_ms: await viewer.tellsNumber('join-ms'),
  };
  console.log(JSON.stringify({ ...of, ...figures }));
}

for (const name of Object.keys(CODECS) as (keyof typeof CODECS)[]) {
  test(`${name} from Chromium`, async () => {
    const broadcaster = await browsers.goLive(name);
    await measure(`${name} from Chromium`, broadcaster.watchUrl);
    await closeAll(broadcaster);
  });
}

for (const sound of ['microphone', 'none'] as const) {
  test(`VP8 from Firefox, sound: ${sound}`, async () => {
    const broadcaster = await browsers.firefox.goLive(browsers.undead.url, 'VP8', { sound });
    await measure(`VP8 from Firefox, sound: ${sound}`, broadcaster.watchUrl);
    await closeAll(broadcaster);
  });
}

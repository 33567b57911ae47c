// How well Firefox shows Chromium's broadcasts, next to Chromium, and the reverse. This is a measurement, not a test.
// It prints a line per viewer, one that compares them, and one for a viewer in Firefox that joins later. The reader
// judges the numbers.
import { test } from '@playwright/test';

import type { Watching } from './support/pages.ts';
import { latenciesMs, median, pictures } from './support/painted-clock.ts';
import { CODECS, TwoBrowsers, closeAll } from './support/two-browsers.ts';

const WATCHED_MS = Number(process.env.WATCHED_MS ?? 10_000);
const LATE_JOINER_WATCHED_MS = 10_000;
/** Time until the effects of joining are over. */
const SETTLES_MS = 5_000;

/** The figures of one viewer. */
interface Figures {
  pictures: number;
  latency_painted_ms: number | null;
}

let browsers: TwoBrowsers;

test.beforeAll(async () => {
  browsers = await TwoBrowsers.open();
});

test.afterAll(async () => {
  await browsers.close();
});

async function measure(stream: string, url: string): Promise<void> {
  const viewers = await browsers.watch(url);
  const { chromium, firefox } = viewers;
  await chromium.page.waitForTimeout(SETTLES_MS);
  const [beside, seen] = await Promise.all([
    look({ stream, watching: 'chromium' }, chromium, WATCHED_MS),
    look({ stream, watching: 'firefox' }, firefox, WATCHED_MS),
  ]);
  const share = Math.round((seen.pictures / beside.pictures) * 1000) / 1000;
  const later = (seen.latency_painted_ms ?? NaN) - (beside.latency_painted_ms ?? NaN);
  console.log(
    JSON.stringify({ stream, firefox_pictures_per_chromium: share, firefox_latency_minus_chromium_ms: later }),
  );
  await closeAll(...Object.values(viewers));
  const late = await browsers.firefox.watch(url);
  await late.expectPicture();
  await look({ stream, watching: 'firefox, joined late' }, late, LATE_JOINER_WATCHED_MS);
  await closeAll(late);
}

async function look(of: { stream: string; watching: string }, viewer: Watching, forMs: number): Promise<Figures> {
  const count = async (): Promise<number[]> =>
    await Promise.all(['stalls', 'jumps'].map(async (name) => await viewer.tellsNumber(name)));
  const [stallsBefore = 0, jumpsBefore = 0] = await count();
  const sights = await viewer.sights(forMs);
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
  return figures;
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

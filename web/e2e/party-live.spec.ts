// Members of a party in Chromium and Firefox watch a live stream together: both see the moment that was captured as long ago as the party
// says, which is longer ago than either would see alone.
import { expect, test, type Page } from '@playwright/test';

import { latenciesMs, median, watchPaintedClock, type Watched } from './support/painted-clock.ts';
import { RealParty } from './support/real-party.ts';
import { TwoBrowsers } from './support/two-browsers.ts';

const LOOK_MS = 1_500;
/** Wider than what members correct, and far narrower than the time between what they would see alone and the party's moment. */
const SAME_MS = 200;

let browsers: TwoBrowsers;
let party: RealParty;
let members: Watched[];

test.beforeAll(async () => {
  browsers = await TwoBrowsers.open(['--autoplay-policy=no-user-gesture-required']);
  party = await RealParty.open(browsers.undead);
});

test.afterAll(async () => {
  await browsers.close();
});

async function runBefore(page: Page, script: string): Promise<void> {
  await page.addInitScript(script);
}

/** What both see was captured `wantedMs` ago, and the same time ago. */
async function expectTogether(wantedMs: number): Promise<void> {
  const farthestMs = async (): Promise<number> => {
    const seen = await Promise.all(members.map((page) => watchPaintedClock(page, LOOK_MS).catch(() => [])));
    if (seen.some(({ length }) => length === 0)) return Infinity;
    const agoMs = seen.map((sights) => median(latenciesMs(sights)));
    return Math.max(...agoMs.map((ms) => Math.abs(ms - wantedMs)), Math.max(...agoMs) - Math.min(...agoMs));
  };
  await expect.poll(farthestMs, { timeout: 60_000 }).toBeLessThan(SAME_MS);
}

test('members in Chromium and Firefox see the same moment of a live stream', async () => {
  const broadcaster = await browsers.goLive('VP9');
  const { stage, firefox } = browsers;
  const [first, second] = [await party.membership('Bea'), await party.membership('Cid')];
  members = [await stage.page(party.url, (page) => runBefore(page, first)), await firefox.open(party.url, second)];
  await party.lead({ command: 'queue', stream_id: broadcaster.watchUrl.split('/').pop() ?? '' });
  await expectTogether((await party.state()).timeline.position_ms);
  // A seek in a live stream is a longer or shorter delay.
  await party.lead({ command: 'seek', position_ms: 5_000 });
  await expectTogether(5_000);
  await party.lead({ command: 'pause' });
  for (const page of members) await expect.poll(async () => (await watchPaintedClock(page, 500)).length).toBe(0);
  await party.lead({ command: 'play' });
  await expectTogether(5_000);
});

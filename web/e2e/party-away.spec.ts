// Members of a party whose page is in the background, or stood still for a while: they hear what the others hear, as one recording of all
// shows, in the background and soon after they run again.
import { expect, test } from '@playwright/test';

import { PartyMembers } from './support/party-members.ts';
import { signalAll } from './support/standing-still.ts';

const LISTEN_MS = 2_500;
/** Members correct what is further off. On a machine that is busy with other tests it takes them a while. */
const NEAR_MS = 100;
/** Longer than members wait for a page that says nothing, and no multiple of the time between two tones. */
const AWAY_MS = 3_700;

let members: PartyMembers;

test.beforeAll(async () => {
  members = await PartyMembers.open({ chromium: 1, firefox: 1, bare: 1 });
  await members.server.add('a', 240);
  await members.join();
  members.server.next();
  await expectTogether(0);
});

test.afterAll(async () => {
  await members.close();
});

/** All are past `leastMs` of the song, where the party is, by what they tell, and by what is heard. */
async function expectTogether(leastMs: number): Promise<void> {
  const farthestMs = async (): Promise<number> => {
    const { moments, spread } = members.analyse(await members.record(LISTEN_MS));
    const told = await members.told();
    const off = told.map(({ phase, errorMs }) => (phase === 'playing' ? Math.abs(errorMs ?? Infinity) : Infinity));
    const isThere = told.every(({ positionMs }) => (positionMs ?? 0) > leastMs);
    return moments > 2 && isThere ? Math.max(spread.median, ...off) : Infinity;
  };
  await expect.poll(farthestMs, { timeout: 60_000 }).toBeLessThan(NEAR_MS);
}

async function away(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, AWAY_MS));
}

test('a tab in the background goes where the party goes', async () => {
  const page = members.bare();
  await page.hide();
  await expect.poll(() => page.evaluate('document.visibilityState')).toBe('hidden');
  await away();
  members.server.seek(50_123);
  await expectTogether(50_123);
  expect(await page.evaluate('document.visibilityState')).toBe('hidden');
});

test('a tab that was frozen comes to where the party is', async () => {
  const page = members.bare();
  await page.freeze();
  members.server.seek(100_234);
  await away();
  await page.resume();
  await expectTogether(100_234);
});

test('a browser that stood still comes to where the party is', async () => {
  const pid = members.firefoxPid;
  await signalAll(pid, 'SIGSTOP');
  members.server.seek(150_345);
  await away();
  await signalAll(pid, 'SIGCONT');
  await expectTogether(150_345);
});

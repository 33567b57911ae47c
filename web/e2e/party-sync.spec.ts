// Members of a party in Chromium and Firefox play in sync: through songs, seeks, pauses and broken connections, and with
// a wrong clock and a slow, uneven network. party-sync.ts measures how far apart they are audibly; here that is only
// printed.
import { expect, test } from '@playwright/test';

import { PartyMembers, type Told } from './support/party-members.ts';

/** Members correct larger errors. On a machine that is busy with other tests that takes a while. */
const NEAR_MS = 100;
/** As exactly members know the server's clock with trips of 200 ms, 80 ms more or less. */
const CLOCK_MS = 60;

let members: PartyMembers;

test.beforeAll(async () => {
  members = await PartyMembers.open({ chromium: 2, firefox: 2, far: 1 });
  await members.server.add('a', 120);
  await members.server.add('b', 60);
  await members.join();
});

test.afterAll(async () => {
  await members.close();
});

/** Waits until all members report this. */
async function expectAll(what: (told: Told) => unknown, wanted: unknown): Promise<void> {
  await expect
    .poll(async () => (await members.told()).map(what), { timeout: 60_000 })
    .toEqual(members.names.map(() => wanted));
}

const isNear = ({ phase, errorMs }: Told): boolean =>
  phase === 'playing' && errorMs !== undefined && Math.abs(errorMs) < NEAR_MS;

test("all know the server's clock, two of them with a clock 3 h off and trips of 120 to 280 ms", async () => {
  await expectAll(({ clockOffMs }) => clockOffMs !== undefined && Math.abs(clockOffMs) < CLOCK_MS, true);
  console.log((await members.told()).map(({ clockOffMs }) => Math.round(clockOffMs ?? NaN)));
});

test('all are heard in sync', async () => {
  await expectAll(({ isConnected }) => isConnected, true);
  members.server.next();
  await expectAll(({ entryId }) => entryId, 'a');
  await expectAll(isNear, true);
  const heard = members.analyse(await members.record(5_000));
  console.log(JSON.stringify(heard));
  expect(heard.tones.every((count) => count > 0)).toBe(true);
});

test('a seek and a pause reach all, and they stop at the same position', async () => {
  members.server.seek(60_000);
  await expectAll(({ positionMs }) => (positionMs ?? 0) > 60_000, true);
  await expectAll(isNear, true);
  members.server.pause();
  await expectAll(({ phase }) => phase, 'paused');
  await expect.poll(async () => new Set((await members.told()).map(standing)).size).toBe(1);
  members.server.play();
  await expectAll(isNear, true);
});

test('the next song begins for all, even if their connections broke meanwhile', async () => {
  members.server.breakConnections();
  members.server.next();
  await expectAll(({ entryId }) => entryId, 'b');
  await expectAll(isNear, true);
});

/** The member's position, in hundredths of a second. */
function standing({ positionMs = 0 }: Told): number {
  return Math.round(positionMs / 10);
}

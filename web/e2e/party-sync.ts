// How far apart six members of a party, in Chromium and Firefox, hear the same, measured from a recording of all of
// them in which each has tones of its own pitch; with `ELEMENTS=1`, in media elements, as videos play. This is a
// measurement, not a test: `npm run party-sync`.
import { test } from '@playwright/test';

import { PartyMembers } from './support/party-members.ts';

const HEARD_MS = Number(process.env.HEARD_MS ?? 30_000);
const SETTLES_MS = Number(process.env.SETTLES_MS ?? 8_000);
const IN_ELEMENTS = process.env.ELEMENTS === '1';
const MEMBERS = { chromium: Number(process.env.CHROMIUMS ?? 3), firefox: Number(process.env.FIREFOXES ?? 3) };

let members: PartyMembers;

test.beforeAll(async () => {
  members = await PartyMembers.open(MEMBERS);
});

test.afterAll(async () => {
  await members.close();
});

async function measure(what: string, heardMs = HEARD_MS): Promise<void> {
  const heard = await members.hear(heardMs);
  console.log(JSON.stringify({ what, ...heard }));
  const told = await members.told();
  console.log(JSON.stringify({ what, told_ms: told.map(({ errorMs }) => errorMs && Math.round(errorMs)) }));
}

test('six members hear the same', async () => {
  const { server } = members;
  await server.add('a', 60 + (HEARD_MS + SETTLES_MS) / 1000, IN_ELEMENTS);
  await server.add('b', 120, IN_ELEMENTS);
  await members.join();
  await sleep(3_000);
  server.next();
  await sleep(SETTLES_MS);
  await measure('a song');
  server.seek(5_000);
  await sleep(4_000);
  await measure('after a seek', 12_000);
  server.pause();
  await sleep(2_000);
  server.play();
  await sleep(4_000);
  await measure('after a pause', 12_000);
  server.next();
  await measure('the next song, from its start', 16_000);
});

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

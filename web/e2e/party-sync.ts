// How far apart six members of a party, in Chromium and Firefox, hear the same, measured from a recording of all of
// them in which each has tones of its own pitch; with `IN_ELEMENTS=all`, in media elements, as videos play. This is a
// measurement, not a test: `npm run party-sync`.
import { test } from '@playwright/test';

import type { FakePartyServer } from './support/fake-party-server.ts';
import { PartyMembers, type Count, type Told } from './support/party-members.ts';

const HEARD_MS = Number(process.env.HEARD_MS ?? 30_000);
const SETTLES_MS = Number(process.env.SETTLES_MS ?? 8_000);
/** From a second before it begins. */
const NEXT_MS = 10_000;
/** Names of members, or `all`. */
const IN_ELEMENTS = process.env.IN_ELEMENTS?.split(',') ?? [];
const SIX: Count = { chromium: Number(process.env.CHROMIUMS ?? 3), firefox: Number(process.env.FIREFOXES ?? 3) };
/** The last member in each browser has a clock 3 h ahead, and trips of 200 ms, 80 ms more or less. */
const FAR: Count = { ...SIX, far: 1 };

/** What one phase left behind. */
interface Phase {
  what: string;
  recording: Buffer;
  told: Told[];
}

/** Measures in phases. */
type Measure = (what: string, heardMs?: number) => Promise<void>;

/** Calls `run` 8 s into a song. Recordings are analysed at the end: the analysis takes enough CPU to interrupt sound. */
async function inParty(count: Count, run: (server: FakePartyServer, measure: Measure) => Promise<void>): Promise<void> {
  const members = await PartyMembers.open(count);
  const phases: Phase[] = [];
  try {
    const { server, names } = members;
    for (const name of IN_ELEMENTS.includes('all') ? names : IN_ELEMENTS) server.inElements.add(name);
    await server.add('a', 60 + (HEARD_MS + SETTLES_MS) / 1000);
    for (const title of ['b', 'c', 'd']) await server.add(title, 60);
    await members.join();
    await sleep(3_000);
    server.next();
    await sleep(SETTLES_MS);
    await run(server, async (what, heardMs = HEARD_MS) => {
      const recording = await members.record(heardMs);
      phases.push({ what, recording, told: await members.told() });
    });
  } finally {
    await members.close();
  }
  for (const { what, recording, told } of phases) {
    console.log(JSON.stringify({ what, ...members.analyse(recording) }));
    const rounded = (values: (number | undefined)[]) => values.map((ms) => ms && Math.round(ms));
    const told_ms = rounded(told.map(({ errorMs }) => errorMs));
    console.log(JSON.stringify({ what, told_ms, clock_off_ms: rounded(told.map(({ clockOffMs }) => clockOffMs)) }));
  }
}

test('six members hear the same', async () => {
  await inParty(SIX, async (server, measure) => {
    await measure('a song');
    server.seek(5_000);
    await sleep(4_000);
    await measure('after a seek', 12_000);
    server.pause();
    await sleep(2_000);
    server.play();
    await sleep(4_000);
    await measure('after a pause', 12_000);
    for (let n = 1; n <= 3; n++) {
      server.next();
      await measure('a next song, from its start', NEXT_MS);
    }
  });
});

test('six members, two of them with a wrong clock and a slow network, hear the same', async () => {
  await inParty(FAR, async (server, measure) => {
    await measure('far away: a song', 20_000);
    server.seek(5_000);
    await sleep(4_000);
    await measure('far away: after a seek', 8_000);
    server.next();
    await measure('far away: a next song, from its start', NEXT_MS);
  });
});

async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

// Jobs, workers and karaoke songs in the server's answers, in states that are hard to reach.
import type { Page } from '@playwright/test';

import { all, me, OPERATOR } from './scenes.ts';

type Prepare = (page: Page) => Promise<void>;

const SONG_ID = '5a17'.repeat(8);
const JOB_ID = 'c0de'.repeat(8);
/** The address of the song's page, and of its karaoke page. */
export const SONG = `/library/${SONG_ID}`;
export const KARAOKE = `/karaoke/${SONG_ID}`;

const WORKERS = ['studio-1 4711', 'studio-2 815', 'nas 1204'];
const ago = (s: number): number => Date.now() - s * 1000;

const attempt = (n: number, worker: string, beganS: number, tookS?: number, outcome?: string): object => ({
  n,
  worker,
  began_at_ms: ago(beganS),
  ...(tookS === undefined ? {} : { ended_at_ms: ago(beganS - tookS), outcome }),
});

/** A karaoke job halfway: some tasks are done, three workers have one each, one was reassigned after a crash. */
function tasks(): object[] {
  const decode = {
    n: 0,
    step: 'decode',
    state: 'done',
    attempts: 1,
    progress: 1,
    worker: WORKERS[0],
    log: [attempt(1, WORKERS[0] ?? '', 40, 4.2, 'done')],
  };
  const pieces = Array.from({ length: 9 }, (_, i) => {
    const worker = WORKERS[i % 3] ?? '';
    const base = { n: i + 1, step: 'separate', worker };
    if (i < 4) {
      const log = [attempt(1, worker, 34 - 3 * i, 8.4, 'done')];
      return { ...base, state: 'done', attempts: 1, progress: 1, log };
    }
    if (i === 4) {
      const log = [attempt(1, WORKERS[0] ?? '', 24, 10, 'lease ended'), attempt(2, worker, 9)];
      return { ...base, state: 'running', attempts: 2, progress: 0.8, log };
    }
    if (i < 7) return { ...base, state: 'running', attempts: 1, progress: 0.1 * i, log: [attempt(1, worker, 6)] };
    return { n: i + 1, step: 'separate', state: 'waiting', attempts: 0, progress: 0 };
  });
  return [decode, ...pieces];
}

/** A job on the song, with the changes in `more`. */
export function job(more: object = {}): object {
  return {
    job_id: JOB_ID,
    kind: 'stems',
    item_id: SONG_ID,
    title: 'Midnight Motorway',
    started_by: 'bob@studio',
    state: 'running',
    progress: 0.57,
    left_ms: 42_000,
    created_at_ms: ago(44),
    tasks: tasks(),
    ...more,
  };
}

const FAILED = job({
  job_id: 'dead'.repeat(8),
  title: 'A file that was damaged on its way, with quite a long name',
  state: 'failed',
  progress: 0.1,
  left_ms: undefined,
  ended_at_ms: ago(400),
  created_at_ms: ago(460),
  error: 'the sound cannot be decoded: frame 1204 is damaged',
  tasks: [
    {
      n: 0,
      step: 'decode',
      state: 'failed',
      attempts: 2,
      progress: 0,
      worker: WORKERS[2],
      log: [
        attempt(1, WORKERS[1] ?? '', 455, 12, 'lease ended'),
        attempt(2, WORKERS[2] ?? '', 430, 3, 'frame 1204 is damaged'),
      ],
    },
  ],
});

const DONE = job({
  job_id: 'f00d'.repeat(8),
  kind: 'waveform',
  title: 'Salt',
  started_by: undefined,
  state: 'done',
  progress: 1,
  left_ms: undefined,
  ended_at_ms: ago(4_000),
  created_at_ms: ago(4_010),
  tasks: [{ n: 0, step: 'measure', state: 'done', attempts: 1, progress: 1, worker: WORKERS[1] }],
});

const workers = WORKERS.map((name, i) => ({
  worker_id: `${i}`.repeat(32),
  name,
  version: '0.9.0',
  concurrency: i === 2 ? 1 : 2,
  abilities: i === 0 ? ['ffmpeg'] : [],
  tasks: i === 2 ? ['a'] : ['b', 'c'].slice(i),
  done: 120 - 31 * i,
  failed: i,
  seen_at_ms: ago(2),
}));

/** The operator's page. */
export function queue(jobs: readonly object[] = [job(), FAILED, DONE], present: readonly object[] = workers): Prepare {
  return async (page) => {
    await me(OPERATOR)(page);
    await page.route(/\/api\/jobs(\?.*)?$/, (route) => {
      const state = new URL(route.request().url()).searchParams.get('state');
      const found = jobs.filter((job) => state === null || (job as { state: string }).state === state);
      return route.fulfill({ json: { jobs: found, total: found.length } });
    });
    await page.route(/\/api\/jobs\/\w+$/, (route) => {
      const id = route.request().url().split('/').at(-1);
      return route.fulfill({ json: jobs.find((job) => (job as { job_id: string }).job_id === id) });
    });
    await page.route('**/api/workers', (route) =>
      route.fulfill({ json: { workers: present, waiting: jobs.length === 0 ? 0 : 2 } }),
    );
  };
}

function song(more: object): object {
  return {
    item_id: SONG_ID,
    kind: 'upload',
    title: 'Midnight Motorway',
    artist: 'The Headlights',
    album: 'Night Drives',
    tags: ['rock'],
    visibility: 'public',
    owner: 'ann',
    created_at_ms: ago(86_400),
    duration_ms: 191_000,
    bytes: 21_000_000,
    tracks: [{ kind: 'audio', codec: 'flac' }],
    state: 'ready',
    waveform_url: `/api/library/${SONG_ID}/waveform`,
    ...more,
  };
}

/** The page of a song; `jobs` are the successive states of its job. */
export function item(jobs: readonly object[] = [], more: object = {}): Prepare {
  return all(surroundings(more), async (page) => {
    await page.route(/\/api\/jobs(\?.*)?$/, (route) =>
      route.request().method() === 'POST'
        ? route.fulfill({ status: 201, json: { job_id: JOB_ID } })
        : route.fulfill({ json: { jobs, total: jobs.length } }),
    );
    const body = jobs.map((job) => `event: job\ndata: ${JSON.stringify(job)}\n\n`).join('');
    await page.route(/\/api\/jobs\/\w+\/events$/, (route) =>
      jobs.length === 0 ? route.abort() : route.fulfill({ contentType: 'text/event-stream', body }),
    );
  });
}

const LRC = [
  '[00:00.00]',
  '[00:03.20]Headlights on the water',
  '[00:07.90]Rain against the glass',
  '[00:12.40]Every mile a number',
  '[00:17.00]Every hour that pass',
  '[00:21.80]Oh, midnight motorway',
  '[00:26.10]Carry me till the break of day, and never let me stop on the way',
  '[00:31.00]',
  '[00:40.00]طريق منتصف الليل',
].join('\n');

/** The karaoke player of a song, with or without lyrics. */
export function karaoke(hasLyrics = true): Prepare {
  const stems = { vocals: 'e1'.repeat(16), accompaniment: 'e2'.repeat(16) };
  const lyrics = hasLyrics ? { lyrics_url: `/api/library/${SONG_ID}/lyrics` } : {};
  return all(surroundings({ stems, ...lyrics }), async (page) => {
    await page.route(`**/api/library/${SONG_ID}/lyrics`, (route) =>
      route.fulfill({ contentType: 'text/plain; charset=utf-8', body: LRC }),
    );
  });
}

/** Answers to the page's other requests. The media never arrives, so nothing is audible. */
function surroundings(more: object): Prepare {
  return async (page) => {
    const json = { account: OPERATOR, broadcast: 'open', may_broadcast: true, setup_needed: false, jobs: 'account' };
    await page.route('**/api/me', (route) => route.fulfill({ json }));
    await page.route(/\/api\/library\/\w+$/, (route) => route.fulfill({ json: song(more) }));
    await page.route(/\/api\/library\/\w+\/play$/, (route) =>
      route.fulfill({ json: { grant: 'g', expires_in_s: 21_600, nodes: ['/cdn'] } }),
    );
    await page.route(/\/api\/library\/\w+\/waveform$/, (route) =>
      route.fulfill({
        json: {
          peak_ms: 500,
          peaks: Array.from({ length: 382 }, (_, i) => Math.round(90 + 70 * Math.sin(i / 11) + 60 * Math.sin(i * 1.7))),
        },
      }),
    );
    const fragments = [{ hash: 'ab'.repeat(32), bytes: 1_000, start_ms: 0, duration_ms: 191_000 }];
    const take = { mime: 'audio/mp4; codecs="flac"', init: { hash: 'cd'.repeat(32), bytes: 100 }, fragments };
    await page.route(/\/library\/\w+\/manifest/, (route) =>
      route.fulfill({ json: { item_id: SONG_ID, takes: [take] } }),
    );
    await page.route(/\/library\/\w+\/blobs\//, () => new Promise<void>(() => undefined));
  };
}

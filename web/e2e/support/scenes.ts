// Answers of the server and the browser in states that are hard to reach: full lists, large clusters, failures.
import type { Page } from '@playwright/test';

type Prepare = (page: Page) => Promise<void>;

const DAY_MS = 24 * 3_600_000;

const picture = (from: string, to: string): string =>
  `data:image/svg+xml,${encodeURIComponent(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 360"><linearGradient id="g" x2="1" y2="1"><stop stop-color="${from}"/><stop offset="1" stop-color="${to}"/></linearGradient><path fill="url(#g)" d="M0 0h640v360H0z"/><rect x="60" y="60" width="520" height="240" rx="10" fill="#fff" opacity=".85"/><path d="M90 100h300M90 140h420M90 180h360M90 220h400" stroke="#555" stroke-width="12"/></svg>`,
  )}`;

const stream = (n: number, title: string, viewers: number, minutes: number, more: object = {}): object => ({
  stream_id: String(n).repeat(32),
  title,
  viewers,
  started_at_ms: Date.now() - minutes * 60_000,
  state: 'live',
  mime: 'video/webm;codecs="vp9,opus"',
  ...more,
});

export const STREAMS: readonly object[] = [
  stream(1, 'Friday design review', 1_240, 43, { thumbnail_url: picture('#24506e', '#7fb3c8') }),
  stream(2, 'Compiler from scratch, part 12: register allocation, spilling and what the book leaves out', 86, 190, {
    thumbnail_url: picture('#5b2a5e', '#d98a8a'),
  }),
  stream(3, 'Piano practice', 1, 0),
  stream(4, 'بث تجريبي', 7, 12, { state: 'interrupted', thumbnail_url: picture('#33521f', '#b7c97a') }),
];

/** The list of streams; undefined: it has not arrived yet. */
export function catalogue(streams: readonly object[] | undefined): Prepare {
  return async (page) => {
    await page.addInitScript((list) => {
      const plain = window.fetch.bind(window);
      window.fetch = async (input, init): Promise<Response> => {
        if (input !== '/api/events') return await plain(input, init);
        if (list === null) return await new Promise(() => undefined);
        const bytes = new TextEncoder().encode(`event: snapshot\ndata: ${JSON.stringify(list)}\n\n`);
        return new Response(new ReadableStream({ start: (events) => events.enqueue(bytes) }));
      };
    }, streams ?? null);
  };
}

/** Other streams besides the watched one. */
export const others: Prepare = async (page) => {
  await page.route('**/api/streams', (route) => route.fulfill({ json: STREAMS }));
};

/** Applies several scenes. */
export function all(...scenes: Prepare[]): Prepare {
  return async (page) => {
    for (const scene of scenes) await scene(page);
  };
}

/** The signed-in person, and the requirements for going live. */
export function me(account: { name: string; role: string } | null, broadcast = 'open', setup_needed = false): Prepare {
  return async (page) => {
    const may_broadcast = broadcast === 'open' || account !== null;
    await page.route('**/api/me', (route) =>
      route.fulfill({ json: { account, broadcast, may_broadcast, setup_needed } }),
    );
  };
}

export const OPERATOR = { name: 'ann', role: 'operator' };
export const BROADCASTER = { name: 'bob@studio', role: 'broadcaster' };

/** Accounts and stream keys; every change succeeds. */
export const people: Prepare = async (page) => {
  const accounts = [
    { ...OPERATOR, created_at_ms: Date.now() - 90 * DAY_MS },
    { ...BROADCASTER, created_at_ms: Date.now() - 9 * DAY_MS },
    {
      name: 'a-name-that-takes-all-of-the-sixty-four-characters-there-are-ok',
      role: 'broadcaster',
      created_at_ms: Date.now(),
    },
  ];
  const keys = [
    {
      key_id: 'k1',
      name: 'OBS in the studio',
      owner: 'bob@studio',
      created_at_ms: Date.now() - 9 * DAY_MS,
      last_used_at_ms: Date.now() - 3 * 3_600_000,
    },
    { key_id: 'k2', name: 'Laptop of the lecture hall', owner: 'ann', created_at_ms: Date.now() - 60_000 },
  ];
  await page.route('**/api/accounts', (route) => route.fulfill({ json: accounts }));
  await page.route('**/api/stream-keys', (route) => {
    const made = { key_id: 'k3', name: 'Phone', key: 'sk_Yb2mX8dKq4ZpV7sT1wNcR6hJ3fLg9aQe' };
    return route.fulfill({ json: route.request().method() === 'POST' ? made : keys });
  });
};

/** Invitations to the current stream. */
export const invitations: Prepare = async (page) => {
  const list = [
    {
      invitation_id: 'i1',
      name: 'The family',
      uses: 5,
      used: 2,
      created_at_ms: Date.now() - 60_000,
      expires_at_ms: Date.now() + 20 * 3_600_000,
    },
    { invitation_id: 'i2', name: 'Grandma', uses: 1, used: 1, created_at_ms: Date.now() - 120_000 },
    { invitation_id: 'i3', used: 0, created_at_ms: Date.now() - 180_000, expires_at_ms: Date.now() - 1_000 },
  ];
  await page.route('**/invitations', (route) => {
    if (route.request().method() !== 'POST') return route.fulfill({ json: list });
    list.unshift({
      invitation_id: 'i4',
      name: 'Neighbours',
      uses: 1,
      used: 0,
      created_at_ms: Date.now(),
      expires_at_ms: Date.now() + 23.9 * 3_600_000,
    });
    return route.fulfill({
      json: { invitation_id: 'i4', invitation: 'x', url: `/view/${'a'.repeat(32)}#invitation=Yb2mX8dKq4ZpV7sT1wNc` },
    });
  });
};

/** A stream for invited viewers only, and an invitation that is refused for this reason. */
export function uninvited(reason: string): Prepare {
  return async (page) => {
    const json = { error: { code: 'invitation_refused', message: 'the invitation is not good', reason } };
    await page.route('**/watch', (route) => route.fulfill({ status: 403, json }));
  };
}

/** All calls fail. */
export const serverAway: Prepare = async (page) => {
  await page.route('**/api/**', (route) => route.abort());
};

/** Every node is full. */
export const full: Prepare = async (page) => {
  const json = { error: { code: 'no_capacity', message: 'every node is full' } };
  await page.route('**/watch', (route) => route.fulfill({ status: 503, headers: { 'retry-after': '30' }, json }));
};

/** Plain http from another computer. */
export const insecure: Prepare = async (page) => {
  await page.addInitScript(() => {
    Object.defineProperty(window, 'isSecureContext', { get: () => false });
    Object.defineProperty(navigator, 'mediaDevices', { get: () => undefined });
  });
};

/** A device that cannot share its screen. */
export const phone: Prepare = async (page) => {
  await page.addInitScript(() => {
    Object.defineProperty(navigator.mediaDevices, 'getDisplayMedia', { value: undefined });
  });
};

/** A person who cancels the browser's dialog. */
export const denied: Prepare = async (page) => {
  await page.addInitScript(() => {
    navigator.mediaDevices.getDisplayMedia = () => Promise.reject(new DOMException('denied', 'NotAllowedError'));
  });
};

/** A cluster of several nodes, one of which does not respond. */
export const cluster: Prepare = async (page) => {
  const node = (name: string, viewers: number, cpu: number, more: object = {}): object => ({
    node_id: name,
    hostname: name,
    public_url: `https://${name}.example.org`,
    generation: 1,
    streams: Math.ceil(viewers / 400),
    waiting: 0,
    capacity: { streams: 200, viewers: 5_000 },
    region: 'eu',
    load: { viewers, egress_bytes_per_s: viewers * 20_000, ring_bytes: 0, cpu_permille: cpu, skips: viewers % 7 },
    lease_left_ms: 2_000,
    ...more,
  });
  const nodes = [
    node('cdn-amsterdam-1', 4_120, 610),
    node('cdn-amsterdam-2', 4_870, 968),
    node('cdn-helsinki-1', 310, 80, { region: 'north' }),
    node('cdn-spare', 0, 10, { lease_left_ms: 0 }),
  ];
  const reason =
    '3 nodes with 24 streams and 9300 viewers: if one died, the rest would be 97 % full, above 80 %; 5 wanted';
  await page.route('**/api/nodes', (route) => route.fulfill({ json: nodes }));
  await page.route('**/api/scaling', (route) => route.fulfill({ json: { nodes: 3, wanted: 5, may_go: [], reason } }));
  await page.route('**/api/streams', (route) => route.fulfill({ json: STREAMS }));
  const all = [
    ...STREAMS,
    stream(5, 'Family dinner', 3, 25, { visibility: 'private' }),
    stream(6, 'Rehearsal', 2, 5, { visibility: 'unlisted' }),
  ];
  await page.route(/\/api\/streams\?all=true$/, (route) => route.fulfill({ json: all }));
};

// Parties in the server's answers, in states that are hard to reach.
import type { Page } from '@playwright/test';

type Prepare = (page: Page) => Promise<void>;

export const PARTY_ID = 'a13f'.repeat(8);
/** The address of the party's page. */
export const PARTY = `/party/${PARTY_ID}`;

const cover = (from: string, to: string, sun: string): string =>
  `data:image/svg+xml,${encodeURIComponent(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400"><linearGradient id="g" x2="1" y2="1"><stop stop-color="${from}"/><stop offset="1" stop-color="${to}"/></linearGradient><path fill="url(#g)" d="M0 0h400v400H0z"/><circle cx="250" cy="170" r="120" fill="${sun}" opacity=".85"/><path d="M0 320Q120 240 220 320T400 300V400H0z" fill="#fff" opacity=".25"/></svg>`,
  )}`;

const song = (n: number, title: string, artist: string, added_by: string, more: object = {}): object => ({
  entry_id: `e${n}`,
  item_id: String(n).repeat(32),
  title,
  artist,
  duration_ms: 170_000 + n * 21_000,
  hash: `${n}c3f9b${n}`.repeat(8),
  added_by,
  ...more,
});

const PLAYING = song(1, 'Midnight Motorway', 'The Headlights', 'm1', {
  poster_url: cover('#1b2a4a', '#c84b6f', '#f6b26b'),
});
const QUEUE = [
  song(2, 'Salt', 'Ines Moreno', 'm2'),
  song(3, 'Paper Boats', 'Kite Season', 'm1', { poster_url: cover('#0b6e6e', '#f2d16b', '#fff') }),
  song(4, 'Un très long titre de chanson qui ne tient vraiment pas sur une ligne', 'Léa', 'm4'),
];

const member = (n: number, name: string, hue: number, more: object = {}): object => ({
  member_id: `m${n}`,
  name,
  hue,
  is_present: true,
  joined_at_ms: Date.now() - 600_000,
  ...more,
});

const MEMBERS = [
  member(1, 'Ann', 330),
  member(2, 'bob@studio', 210, { has_account: true }),
  member(3, 'Léa', 140),
  member(4, 'كريم', 40),
  member(5, 'A guest with quite a long name indeed', 270, { is_muted: true }),
  member(6, 'Grandma', 190, { is_present: false }),
];

const SAID: [string, string, string][] = [
  ['m2', 'bob@studio', 'Hello everyone!'],
  ['m3', 'Léa', 'This one is great'],
  ['m3', 'Léa', 'Who added it?'],
  ['m1', 'Ann', 'Me 😄 wait for the bridge'],
  ['m4', 'كريم', 'رائع جدا'],
];

/** The timeline of a party in which nothing plays. */
export const NOTHING = { position_ms: 0, at_ms: 0, paused: true, round: 0 };

/** A party with a host and a current entry, with the changes in `more`. */
export function hosted(more: object = {}): object {
  return {
    party_id: PARTY_ID,
    revision: 5,
    title: 'Friday night at Ann’s',
    policy: 'host',
    acting_policy: 'host',
    access: 'unlisted',
    host: 'm1',
    settings: {
      members_suggest: true,
      needs_account: false,
      on_host_loss: 'continue',
      shows_votes: true,
      skip_percent: 51,
      is_fair: false,
      keeps_entries: true,
      wait_ms: 3_000,
    },
    members: MEMBERS,
    queue: [...QUEUE, song(5, 'Garden tour', 'Léa', 'm3', { is_suggestion: true, is_video: true })],
    played: [],
    timeline: {
      entry: PLAYING,
      item_id: '1'.repeat(32),
      position_ms: 0,
      at_ms: Date.now() - 97_000,
      paused: false,
      round: 3,
    },
    chat: SAID.map(([member_id, name, text], n) => ({
      message_id: `c${n}`,
      member_id,
      name,
      text,
      at_ms: Date.now() - 500_000 + n * 60_000,
    })),
    created_at_ms: Date.now() - 3_600_000,
    ...more,
  };
}

/** A voting party in the middle of a round. */
export function voting(more: object = {}): object {
  return hosted({
    policy: 'vote',
    acting_policy: 'vote',
    queue: [PLAYING, ...QUEUE],
    round: {
      round: 3,
      closes_at_ms: Date.now() + 42_000,
      votes: [
        { entry_id: 'e2', count: 1, members: ['m2'] },
        { entry_id: 'e3', count: 3, members: ['m1', 'm3', 'm4'] },
      ],
      skips: ['m3'],
      skips_needed: 3,
    },
    last_round: { round: 2, winner: 'e1', votes: [{ entry_id: 'e1', count: 3 }], cast_at_random: 1 },
    ...more,
  });
}

/**
 * The party `state`, in which this browser is the member `me`; without one it is an onlooker. `then` are subsequent
 * events.
 */
export function inParty(state: object, me?: string, then: readonly [string, object][] = []): Prepare {
  return async (page) => {
    await surroundings(page);
    await page.route(`**/api/parties/${PARTY_ID}`, (route) =>
      route.fulfill({ json: { ...state, members: [], chat: [] } }),
    );
    await page.addInitScript(
      ({ id, state, me, then }) => {
        const text = (event: string, data: object): string => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
        // Pages outside the site may block site data.
        if (me !== undefined && location.protocol.startsWith('http'))
          localStorage.setItem(`undead.party.${id}`, JSON.stringify({ member_id: me, token: 'up_scene' }));
        const plain = window.fetch.bind(window);
        window.fetch = async (input, init): Promise<Response> => {
          if (typeof input !== 'string' || !input.endsWith(`/api/parties/${id}/events`))
            return await plain(input, init);
          const all = [text('snapshot', state), ...then.map(([event, data]) => text(event, data))].join('');
          return new Response(new ReadableStream({ start: (events) => events.enqueue(new TextEncoder().encode(all)) }));
        };
      },
      { id: PARTY_ID, state, me, then },
    );
  };
}

/** Reports of other members. */
export const REPORTS: [string, object] = [
  'presence',
  {
    members: [
      { member_id: 'm2', error_ms: -18 },
      { member_id: 'm3', error_ms: 74 },
      { member_id: 'm4', error_ms: 212 },
      { member_id: 'm5', is_buffering: true },
    ],
  },
];

/** The party does not exist for this person. */
export const nowhere: Prepare = async (page) => {
  const json = { error: { code: 'unknown_party', message: 'there is no such party' } };
  await page.route(`**/api/parties/${PARTY_ID}**`, (route) => route.fulfill({ status: 404, json }));
};

const summary = (n: number, title: string, host_name: string, present: number, more: object = {}): object => ({
  party_id: `${n}be2`.repeat(8),
  title,
  policy: 'host',
  access: 'public',
  host_name,
  present,
  needs_account: false,
  created_at_ms: Date.now() - n * 600_000,
  ...more,
});

/** The list of parties. */
export const list: Prepare = async (page) => {
  const parties = [
    summary(1, 'Friday night at Ann’s', 'Ann', 12, { playing: 'Midnight Motorway' }),
    summary(2, 'Office radio', 'bob@studio', 4, { policy: 'vote', playing: 'Paper Boats', needs_account: true }),
    summary(3, 'Watch the finals together, with everyone from the club and their friends', 'Léa', 1, {
      access: 'private',
    }),
  ];
  await page.route(/\/api\/parties(\?.*)?$/, (route) => {
    const q = new URL(route.request().url()).searchParams.get('q') ?? '';
    const found = parties.filter((party) => JSON.stringify(party).toLowerCase().includes(q.toLowerCase()));
    return route.fulfill({ json: { parties: found } });
  });
};

/** Answers to the page's other requests. */
async function surroundings(page: Page): Promise<void> {
  const items = [PLAYING, ...QUEUE].map((entry) => ({
    ...entry,
    kind: 'upload',
    tags: [],
    visibility: 'public',
    created_at_ms: 0,
    bytes: 4_000_000,
    tracks: [{ kind: 'audio', codec: 'opus' }],
    state: 'ready',
  }));
  await page.route(/\/api\/library(\?.*)?$/, (route) => route.fulfill({ json: { items, total: items.length } }));
  await page.route('**/api/clock', (route) => {
    const { t0_ms } = route.request().postDataJSON() as { t0_ms: number };
    return route.fulfill({ json: { t0_ms, t1_ms: Date.now(), t2_ms: Date.now() } });
  });
  await page.route(`**/api/parties/${PARTY_ID}/invitations`, (route) =>
    route.fulfill({
      json: [
        {
          invitation_id: 'i1',
          name: 'The family',
          uses: 5,
          used: 2,
          created_at_ms: Date.now() - 60_000,
          expires_at_ms: Date.now() + 20 * 3_600_000,
        },
      ],
    }),
  );
  await page.route(`**/api/parties/${PARTY_ID}/report`, (route) => route.fulfill({ status: 204 }));
}

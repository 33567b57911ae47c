// <ud-party-guide>: the elements of a party for the style guide, with a party in memory.

import { LitElement, css, html, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import { FakeParty, fakeEntry, fakeMember, fakeState } from '../../party/fake-party';
import { strings } from '../../strings';
import { block } from '../styles';
import './chat';
import './members';
import './party-card';
import './qr-code';
import './queue';
import './stage';
import './sync';
import './vote';

const texts = strings.styleguide.parties;
/** The fixed time of the guide. */
const NOW_MS = 1_800_000_000_000;

const members = texts.names.map((name, n) =>
  fakeMember(`m${n + 1}`, { name, hue: (n * 137) % 360, is_present: n < 3 }),
);
const songs = texts.songs.map((title, n) =>
  fakeEntry(`${n}a7`, { title, hash: `${n}c3f9b${n}`.padEnd(64, '0'), added_by: `m${n + 1}` }),
);
const [playing = fakeEntry('e1'), ...rest] = songs;
const entries = rest.map(({ entry_id, title, hash, added_by }) => fakeEntry(entry_id, { title, hash, added_by }));

const state = fakeState({
  title: texts.title,
  members,
  queue: entries.map((entry, n) => (n === entries.length - 1 ? { ...entry, is_suggestion: true } : entry)),
  timeline: { entry: playing, position_ms: 0, at_ms: NOW_MS - 71_000, paused: false, round: 2 },
  chat: members.slice(0, 2).map(({ member_id, name }, n) => ({
    message_id: `c${n}`,
    member_id,
    name,
    text: texts.messages[n] ?? '',
    at_ms: NOW_MS - 60_000,
  })),
});

const voting = {
  ...state,
  policy: 'vote' as const,
  acting_policy: 'vote' as const,
  queue: entries,
  round: {
    round: 2,
    closes_at_ms: NOW_MS + 42_000,
    votes: entries.slice(0, 2).map(({ entry_id }, n) => ({ entry_id, count: n + 1, members: [`m${n + 1}`] })),
    skips: [],
    skips_needed: 2,
  },
};

const reports = new Map([12, -64, 210].map((error_ms, n) => [`m${n + 1}`, { error_ms }]));

@customElement('ud-party-guide')
export class PartyGuide extends LitElement {
  readonly #party = new FakeParty(state, 'm1', () => NOW_MS);

  static override styles = [
    block,
    css`
      .all {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr));
        align-items: start;
        gap: var(--ud-space-4);
      }
      ud-party-stage {
        grid-column: 1 / -1;
      }
      ud-qr-code {
        width: 168px;
      }
      ud-party-chat {
        --chat-height: 320px;
      }
    `,
  ];

  override render(): TemplateResult {
    const { view } = this.#party;
    return html`<div class="all">
      <ud-party-stage .view=${view} leads may-add .positionMs=${this.#party.positionMs()}>
        <ud-party-sync slot="sync" .errorMs=${12}></ud-party-sync>
      </ud-party-stage>
      <ud-party-queue .state=${state} me="m1" leads may-add></ud-party-queue>
      <ud-party-vote .state=${voting} me="m1" vote=${entries[1]?.entry_id ?? ''} .nowMs=${NOW_MS}></ud-party-vote>
      <ud-party-members .state=${state} me="m1" .reports=${reports} leads hosts></ud-party-members>
      <ud-party-chat .state=${state} me="m1"></ud-party-chat>
      <ud-party-card
        .level=${3}
        .party=${{
          party_id: '5be2'.repeat(8),
          title: texts.title,
          policy: 'host' as const,
          access: 'public' as const,
          host_name: members[0]?.name ?? '',
          present: 3,
          playing: playing.title,
          needs_account: false,
          created_at_ms: NOW_MS,
        }}
      ></ud-party-card>
      <ud-qr-code text="https://example.org/party/${'5be2'.repeat(8)}" label=${strings.party.invite.qr}></ud-qr-code>
    </div>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-party-guide': PartyGuide;
  }
}

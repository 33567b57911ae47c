// <ud-party-vote .state me vote may-add .nowMs>: the candidates, with counts, voters and the time left; below them the
// result of the last round. Rows keep their places while counts change. Sends `ud-party-action` and `ud-party-show`.

import { LitElement, css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { accepted, memberOf, present } from '../../party/roles';
import type { ClosedRound, Entry, PartyState, Votes } from '../../protocol/party';
import { strings } from '../../strings';
import { badges } from '../badges';
import { runningTime } from '../format';
import { checkIcon, closeIcon, plusIcon } from '../icons';
import { base, block, buttons } from '../styles';
import { surfaces } from '../surfaces';
import './avatar';
import { adder, entryRows, entryText } from './entry-row';
import { ActionEvent, ShowEvent } from './events';

const texts = strings.party.vote;
/** Number of faces beside a count. */
const FACES = 4;
/** Screen readers announce once when this much time is left. */
const SOON_MS = 10_000;

@customElement('ud-party-vote')
export class PartyVote extends LitElement {
  @property({ attribute: false }) declare state: PartyState;
  @property() me: string | undefined;
  /** The entry that this member voted for. */
  @property() vote: string | undefined;
  @property({ type: Boolean, attribute: 'may-add' }) mayAdd = false;
  @property({ type: Boolean }) leads = false;
  /** The server's time. */
  @property({ type: Number }) nowMs = 0;
  @state() private told = '';
  #warned: number | undefined;

  static override styles = [
    base,
    block,
    buttons,
    badges,
    surfaces,
    entryRows,
    css`
      header {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 4px 10px;
      }
      h2 {
        flex: 1 1 auto;
        font-size: var(--ud-text-l);
      }
      .time {
        font-weight: 700;
        font-variant-numeric: tabular-nums;
      }
      .time.soon {
        color: var(--ud-live);
      }
      .left {
        height: 4px;
        margin-top: -8px;
        border-radius: 2px;
        background: var(--ud-surface-2);
        overflow: hidden;
      }
      .left div {
        height: 100%;
        border-radius: 2px;
        background: var(--ud-accent);
        transform-origin: left;
        transition: transform 1s linear;
      }
      .row {
        position: relative;
        isolation: isolate;
        overflow: hidden;
        padding: 8px;
        border: 1px solid var(--ud-line);
        border-radius: var(--ud-radius);
      }
      .rows {
        gap: 8px;
      }
      .row.own {
        border-color: var(--ud-accent);
      }
      .share {
        position: absolute;
        inset: 0;
        z-index: -1;
        background: var(--ud-accent-soft);
        transform-origin: left;
        transition: transform var(--ud-calm);
      }
      .votes {
        display: flex;
        align-items: center;
        gap: 8px;
        margin-top: 3px;
        min-height: 20px;
        font-size: var(--ud-text-xs);
        font-weight: 650;
        font-variant-numeric: tabular-nums;
      }
      .votes > span {
        white-space: nowrap;
      }
      .faces {
        display: inline-flex;
      }
      .faces ud-avatar {
        --size: 20px;
        margin-left: -5px;
        box-shadow: 0 0 0 2px var(--ud-surface);
      }
      .faces ud-avatar:first-child {
        margin-left: 0;
      }
      .button.small {
        flex: none;
        min-height: var(--ud-target);
      }
      .foot {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px 14px;
      }
      .foot .hint {
        flex: 1 1 12rem;
      }
      .last {
        display: flex;
        align-items: center;
        gap: 10px;
        padding-top: var(--ud-space-3);
        border-top: 1px solid var(--ud-line);
        font-size: var(--ud-text-s);
      }
      .last ud-art {
        flex: none;
        width: 36px;
        height: 36px;
      }
      .last strong {
        font-weight: 650;
        overflow-wrap: anywhere;
      }
      .last .hint {
        display: block;
        font-size: var(--ud-text-xs);
      }
      @media (max-width: 480px) {
        .row .art {
          width: 44px;
          height: 44px;
        }
        .button.small {
          padding-inline: 12px;
        }
      }
    `,
  ];

  override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get('state');
    const { round, last_round } = this.state;
    if (before?.last_round !== undefined && last_round !== undefined && before.last_round.round !== last_round.round)
      this.told = this.#resultOf(last_round);
    const closes = round?.closes_at_ms;
    if (closes === undefined || this.#warned === round?.round) return;
    const left = closes - this.nowMs;
    if (left > SOON_MS || left <= 0) return;
    this.#warned = round?.round;
    if (this.vote === undefined) this.told = texts.soon;
  }

  override updated(): void {
    // The pages' content security policy forbids style attributes, but scripts may set styles.
    for (const bar of this.renderRoot.querySelectorAll<HTMLElement>('[data-share]'))
      bar.style.transform = `scaleX(${bar.dataset.share ?? '0'})`;
  }

  override render(): TemplateResult {
    const candidates = this.#candidates();
    const { last_round } = this.state;
    return html`<section class="card" aria-labelledby="heading">
      <header>
        <h2 id="heading">${texts.heading}</h2>
        ${this.#time()}
      </header>
      ${this.#bar()}
      ${
        candidates.length === 0
          ? html`<div class="empty">
              <strong>${texts.empty}</strong>
              <p>${texts.emptyAdvice}</p>
            </div>`
          : html`<ul class="rows">
              ${repeat(
                candidates,
                ({ entry_id }) => entry_id,
                (entry) => this.#row(entry),
              )}
            </ul>`
      }
      <div class="foot">
        <span class="hint">${candidates.length > 1 && this.state.round !== undefined ? texts.random : nothing}</span>
        ${
          this.mayAdd
            ? html`<button class="button small" type="button" @click=${() => this.dispatchEvent(new ShowEvent('add'))}>
                ${plusIcon} ${strings.party.queue.add}
              </button>`
            : nothing
        }
      </div>
      ${last_round === undefined ? nothing : this.#last(last_round)}
      <span class="visually-hidden" role="status">${this.told}</span>
    </section>`;
  }

  /** The accepted entries without the current one, unless it is the only one. */
  #candidates(): Entry[] {
    const queue = accepted(this.state);
    const playing = this.state.timeline.entry?.entry_id;
    return queue.length === 1 ? queue : queue.filter(({ entry_id }) => entry_id !== playing);
  }

  #time(): TemplateResult | typeof nothing {
    const { round, timeline } = this.state;
    if (round === undefined) return nothing;
    const voted = round.votes.reduce((sum, { count }) => sum + count, 0);
    const total = html`<span class="hint">${texts.total(voted, present(this.state).length)}</span>`;
    if (round.closes_at_ms === undefined)
      return html`${total}<span class="hint">${timeline.paused ? texts.paused : texts.open}</span>`;
    const left = round.closes_at_ms - this.nowMs;
    const isSoon = left <= SOON_MS;
    return html`${total}
      <span class="time ${isSoon ? 'soon' : ''}"
        >${left > 0 ? texts.closes(runningTime(left + 999)) : texts.closed}</span
      >`;
  }

  /** The bar of the time left in the round. */
  #bar(): TemplateResult | typeof nothing {
    const { round, timeline } = this.state;
    const length = timeline.entry?.duration_ms;
    if (round?.closes_at_ms === undefined || length === undefined) return nothing;
    const share = Math.min(1, Math.max(0, (round.closes_at_ms - this.nowMs) / length));
    return html`<div class="left" aria-hidden="true"><div data-share=${share.toFixed(4)}></div></div>`;
  }

  #row(entry: Entry): TemplateResult {
    const { round } = this.state;
    const votes = round?.votes.find(({ entry_id }) => entry_id === entry.entry_id);
    const all = round?.votes.reduce((sum, { count }) => sum + count, 0) ?? 0;
    const isOwn = this.vote === entry.entry_id;
    const share = all === 0 ? 0 : (votes?.count ?? 0) / all;
    const facts = [adder(this.state, entry, this.me), ...(entry.lost ? [texts.lost(entry.lost)] : [])];
    return html`<li class="row ${isOwn ? 'own' : ''}">
      <div class="share" data-share=${share.toFixed(4)}></div>
      ${entryText(entry, facts, this.#votes(votes))} ${this.me === undefined ? nothing : this.#button(entry, isOwn)}
      ${this.#remove(entry)}
    </li>`;
  }

  #votes(votes: Votes | undefined): TemplateResult {
    const faces = (votes?.members ?? []).slice(0, FACES);
    return html`<div class="votes">
      <span>${texts.votes(votes?.count ?? 0)}</span>
      ${
        faces.length === 0
          ? nothing
          : html`<span class="faces">
              ${faces.map((id) => {
                const member = memberOf(this.state, id);
                return member === undefined
                  ? nothing
                  : html`<ud-avatar name=${member.name} hue=${member.hue} label=${member.name}></ud-avatar>`;
              })}
            </span>`
      }
    </div>`;
  }

  #button({ entry_id, title }: Entry, isOwn: boolean): TemplateResult {
    return html`<button
      class="button small ${isOwn ? 'primary' : ''}"
      type="button"
      aria-pressed=${isOwn ? 'true' : 'false'}
      aria-label=${isOwn ? texts.votedFor(title) : texts.voteFor(title)}
      ?disabled=${this.state.round === undefined}
      @click=${() => this.dispatchEvent(new ActionEvent({ command: 'vote', entry_id }))}
    >
      ${isOwn ? html`${checkIcon} ${texts.voted}` : texts.vote}
    </button>`;
  }

  #remove({ entry_id, title, added_by }: Entry): TemplateResult | typeof nothing {
    if (!this.leads && added_by !== this.me) return nothing;
    const label = strings.party.queue.removeOne(title);
    return html`<button
      class="button quiet icon small"
      type="button"
      aria-label=${label}
      title=${label}
      @click=${() => this.dispatchEvent(new ActionEvent({ command: 'remove', entry_id }))}
    >
      ${closeIcon}
    </button>`;
  }

  #last(round: ClosedRound): TemplateResult {
    const winner = this.#entry(round.winner);
    const random = round.cast_at_random > 0 ? texts.atRandom(round.cast_at_random) : '';
    return html`<div class="last">
      ${
        winner === undefined
          ? nothing
          : html`<ud-art seed=${winner.hash} .poster=${winner.poster_url} ?video=${winner.is_video === true}></ud-art>`
      }
      <div>
        <span class="hint">${texts.last}</span>
        <strong dir="auto">${this.#resultOf(round)}</strong>
        ${random === '' ? nothing : html`<span class="hint">${random}</span>`}
      </div>
    </div>`;
  }

  #resultOf({ winner, votes }: ClosedRound): string {
    const entry = this.#entry(winner);
    if (entry === undefined) return texts.noWinner;
    return texts.wonWith(entry.title, votes.find(({ entry_id }) => entry_id === winner)?.count ?? 0);
  }

  #entry(id: string | undefined): Entry | undefined {
    const { queue, played, timeline } = this.state;
    const known = timeline.entry === undefined ? [] : [timeline.entry];
    return [...queue, ...known, ...played].find(({ entry_id }) => entry_id === id);
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-party-vote': PartyVote;
  }
}

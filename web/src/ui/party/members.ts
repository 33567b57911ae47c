// <ud-party-members .state me .reports leads hosts>: the members, with the sync error of each, and the host's actions
// on them. Sends `ud-party-action`, and `ud-rename` for the person's own name.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { inOrder, leader, present } from '../../party/roles';
import type { Member, PartyAction, PartyState, ReportPlayback } from '../../protocol/party';
import { strings } from '../../strings';
import { badges } from '../badges';
import type { Confirm } from '../confirm';
import '../confirm';
import { crownIcon, moreIcon } from '../icons';
import type { MenuItem, PickEvent } from '../menu';
import '../menu';
import { base, block, buttons } from '../styles';
import { surfaces } from '../surfaces';
import './avatar';
import { ActionEvent } from './events';
import { offBy, tone } from './sync-error';

const texts = strings.party.members;
/** Number of members shown at first. */
const SHOWN = 40;

interface Question {
  heading: string;
  advice: string;
  action: string;
  then: ActionEvent;
}

@customElement('ud-party-members')
export class PartyMembers extends LitElement {
  @property({ attribute: false }) declare state: PartyState;
  @property() me: string | undefined;
  @property({ attribute: false }) reports: ReadonlyMap<string, ReportPlayback> = new Map();
  @property({ type: Boolean }) leads = false;
  /** Whether this member may make another one host. */
  @property({ type: Boolean }) hosts = false;
  @state() private all = false;
  @state() private question: Question | undefined;

  static override styles = [
    base,
    block,
    buttons,
    badges,
    surfaces,
    css`
      header {
        display: flex;
        align-items: baseline;
        gap: 8px;
      }
      h2 {
        flex: 1;
        font-size: var(--ud-text-l);
      }
      ul {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 2px;
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: flex;
        align-items: center;
        gap: 10px;
        min-height: var(--ud-target);
      }
      .face {
        position: relative;
        display: inline-flex;
      }
      .face svg {
        position: absolute;
        top: -9px;
        left: 50%;
        width: 16px;
        height: 16px;
        transform: translateX(-50%);
        color: #e8a800;
        filter: drop-shadow(0 1px 1px rgb(0 0 0 / 35%));
      }
      .name {
        flex: 1;
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
        font-weight: 600;
      }
      .name .hint {
        margin-left: 6px;
        font-size: var(--ud-text-xs);
      }
      .away .name {
        color: var(--ud-muted);
        font-weight: 400;
      }
      .away .face {
        opacity: 0.6;
      }
      .off {
        display: inline-flex;
        align-items: center;
        gap: 6px;
        color: var(--ud-muted);
        font-size: var(--ud-text-xs);
        font-variant-numeric: tabular-nums;
        white-space: nowrap;
      }
      .off::before {
        content: '';
        width: 8px;
        height: 8px;
        border-radius: 50%;
        background: var(--ud-line-strong);
      }
      .off.ok::before {
        background: var(--ud-accent);
      }
      .off.warn::before {
        background: var(--ud-warn);
      }
      .off.bad::before {
        background: var(--ud-live);
      }
      ud-menu svg {
        width: 20px;
        height: 20px;
      }
    `,
  ];

  override render(): TemplateResult {
    const members = inOrder(this.state);
    const shown = this.all ? members : members.slice(0, SHOWN);
    return html`<section class="card" aria-labelledby="heading">
      <header>
        <h2 id="heading">${texts.heading}</h2>
        <span class="hint">${present(this.state).length}</span>
      </header>
      <ul>
        ${repeat(
          shown,
          ({ member_id }) => member_id,
          (member) => this.#row(member),
        )}
      </ul>
      ${
        shown.length < members.length
          ? html`<button class="button small quiet" type="button" @click=${() => (this.all = true)}>
              ${texts.show} (${texts.more(members.length - shown.length)})
            </button>`
          : nothing
      }
      <ud-confirm
        heading=${this.question?.heading ?? ''}
        advice=${this.question?.advice ?? ''}
        action=${this.question?.action ?? ''}
        @confirm=${() => this.question && this.dispatchEvent(this.question.then)}
      ></ud-confirm>
    </section>`;
  }

  #row(member: Member): TemplateResult {
    const { member_id, name, hue, is_present } = member;
    const isLeader = member_id === leader(this.state);
    return html`<li class=${is_present ? '' : 'away'}>
      <span class="face"
        ><ud-avatar name=${name} hue=${hue}></ud-avatar>${isLeader && this.#hasLeader ? crownIcon : nothing}</span
      >
      <span class="name"><bdi>${name}</bdi><span class="hint">${this.#facts(member).join(' · ')}</span></span>
      ${is_present ? this.#off(member_id) : nothing} ${this.#menu(member)}
    </li>`;
  }

  /** Whether someone leads. With voting the host decides little. */
  get #hasLeader(): boolean {
    return this.state.policy === 'host' || this.state.acting_host !== undefined;
  }

  #facts({ member_id, is_present, is_muted }: Member): string[] {
    const { host, acting_host } = this.state;
    return [
      member_id === this.me ? texts.you : '',
      member_id === host ? texts.host : member_id === acting_host ? texts.actingHost : '',
      is_muted === true ? texts.muted : '',
      is_present ? '' : texts.away,
    ].filter((fact) => fact !== '');
  }

  #off(id: string): TemplateResult | typeof nothing {
    const report = this.reports.get(id);
    if (report?.is_buffering === true) return html`<span class="off warn">${texts.buffering}</span>`;
    if (report?.error_ms === undefined) return nothing;
    const ms = offBy(report.error_ms);
    return html`<span class="off ${tone(report.error_ms)}" title=${texts.offBy(ms)}
      >${strings.party.sync.error(ms)}</span
    >`;
  }

  #menu(member: Member): TemplateResult | typeof nothing {
    const { member_id, name, is_muted } = member;
    const isMe = member_id === this.me;
    const items: MenuItem[] = isMe
      ? member.has_account === true
        ? []
        : [{ id: 'rename', label: texts.rename }]
      : this.leads
        ? [
            ...(this.hosts ? [{ id: 'hand_over', label: texts.handOver }] : []),
            { id: 'mute', label: is_muted === true ? texts.unmute : texts.mute },
            { id: 'kick', label: texts.kick, group: 'kick' },
          ]
        : [];
    if (items.length === 0) return nothing;
    return html`<ud-menu
      .label=${texts.actions(name)}
      .items=${items}
      @pick=${({ id }: PickEvent) => this.#picked(id, member)}
      >${moreIcon}</ud-menu
    >`;
  }

  #picked(id: string, { member_id, name, is_muted }: Member): void {
    const on = is_muted !== true;
    if (id === 'rename') this.dispatchEvent(new Event('ud-rename', { bubbles: true, composed: true }));
    else if (id === 'mute')
      this.dispatchEvent(
        new ActionEvent({ command: 'mute', member_id, on }, on ? texts.muteDone(name) : texts.unmuteDone(name)),
      );
    else if (id === 'kick') this.#ask(texts.kickAsk, name, { command: 'kick', member_id });
    else this.#ask(texts.handOverAsk, name, { command: 'hand_over', member_id });
  }

  #ask(words: typeof texts.kickAsk, name: string, action: PartyAction): void {
    const { heading, advice, action: button, done } = words;
    this.question = { heading: heading(name), advice, action: button, then: new ActionEvent(action, done(name)) };
    void this.updateComplete.then(() => this.renderRoot.querySelector<Confirm>('ud-confirm')?.ask());
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-party-members': PartyMembers;
  }
}

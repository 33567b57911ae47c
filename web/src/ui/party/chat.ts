// <ud-party-chat .state me>: the chat. It stays at the newest message unless the person reads older ones. Sends
// `ud-party-action`.

import { LitElement, css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { memberOf } from '../../party/roles';
import { MAX_MESSAGE_CHARS, type Message, type PartyState } from '../../protocol/party';
import { strings } from '../../strings';
import { fields } from '../fields';
import { downIcon, sendIcon } from '../icons';
import { base, block, buttons } from '../styles';
import { surfaces } from '../surfaces';
import './avatar';
import { ActionEvent } from './events';

const texts = strings.party.chat;
/** Within this distance the list counts as scrolled to its end. */
const NEAR_PX = 40;
/** Messages of one person within this time are grouped. */
const TOGETHER_MS = 120_000;
const clock = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', hour12: false });

@customElement('ud-party-chat')
export class PartyChat extends LitElement {
  @property({ attribute: false }) declare state: PartyState;
  @property() me: string | undefined;
  @state() private draft = '';
  /** Whether there are newer messages below the visible ones. */
  @state() private hasNewer = false;
  @query('.list') declare private list: HTMLElement;

  static override styles = [
    base,
    block,
    buttons,
    fields,
    surfaces,
    css`
      .card {
        position: relative;
        grid-template-rows: auto minmax(0, 1fr) auto;
        height: var(--chat-height, 420px);
        gap: 10px;
      }
      h2 {
        font-size: var(--ud-text-l);
      }
      .list {
        min-height: 0;
        margin: 0;
        padding: 0 4px 0 0;
        overflow-y: auto;
        overscroll-behavior: contain;
        list-style: none;
      }
      .message {
        display: grid;
        grid-template-columns: 30px minmax(0, 1fr);
        gap: 0 10px;
        padding-top: 12px;
      }
      .message.more {
        padding-top: 3px;
      }
      ud-avatar {
        --size: 30px;
        grid-row: span 2;
      }
      .who {
        display: flex;
        align-items: baseline;
        gap: 8px;
        min-width: 0;
        font-size: var(--ud-text-s);
      }
      .who strong {
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
        font-weight: 650;
      }
      time {
        color: var(--ud-muted);
        font-size: var(--ud-text-xs);
        font-variant-numeric: tabular-nums;
      }
      .said {
        grid-column: 2;
        overflow-wrap: anywhere;
        white-space: pre-wrap;
        line-height: 1.45;
      }
      .none {
        display: grid;
        height: 100%;
        place-content: center;
        color: var(--ud-muted);
      }
      form {
        display: flex;
        gap: 8px;
      }
      form .button {
        flex: none;
        min-height: 46px;
        width: 46px;
      }
      input[type='text'] {
        border-radius: var(--ud-radius-pill);
        padding-inline: 18px;
      }
      .newer {
        position: absolute;
        bottom: 84px;
        left: 50%;
        transform: translateX(-50%);
        box-shadow: var(--ud-shadow-raised);
      }
    `,
  ];

  override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get('state');
    if (!this.hasUpdated || before === undefined || before.chat.at(-1) === this.state.chat.at(-1)) return;
    const isOwn = this.state.chat.at(-1)?.member_id === this.me;
    this.hasNewer = !isOwn && !this.#isAtEnd;
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has('state') && !this.hasNewer) this.#toEnd();
  }

  override render(): TemplateResult {
    const { chat } = this.state;
    return html`<section class="card" aria-labelledby="heading">
      <h2 id="heading">${texts.heading}</h2>
      <div class="list" role="log" aria-labelledby="heading" tabindex="0" @scroll=${this.#scrolled}>
        ${
          chat.length === 0
            ? html`<p class="none">${texts.empty}</p>`
            : repeat(
                chat,
                ({ message_id }) => message_id,
                (message, at) => this.#message(message, chat[at - 1]),
              )
        }
      </div>
      ${
        this.hasNewer
          ? html`<button class="button small newer" type="button" @click=${this.#toEnd}>
              ${downIcon} ${texts.newer}
            </button>`
          : nothing
      }
      ${this.#form()}
    </section>`;
  }

  #message(message: Message, before: Message | undefined): TemplateResult {
    const { member_id, name, text, at_ms } = message;
    const isMore = before?.member_id === member_id && at_ms - before.at_ms < TOGETHER_MS;
    if (isMore) return html`<div class="message more"><span class="said" dir="auto">${text}</span></div>`;
    const member = memberOf(this.state, member_id);
    return html`<div class="message">
      <ud-avatar name=${name} hue=${member?.hue ?? 0}></ud-avatar>
      <span class="who"
        ><strong dir="auto">${member?.name ?? name}</strong
        ><time datetime=${new Date(at_ms).toISOString()}>${clock.format(at_ms)}</time></span
      >
      <span class="said" dir="auto">${text}</span>
    </div>`;
  }

  #form(): TemplateResult | typeof nothing {
    if (this.me === undefined) return nothing;
    if (memberOf(this.state, this.me)?.is_muted === true) return html`<p class="hint" role="status">${texts.muted}</p>`;
    return html`<form @submit=${this.#send}>
      <input
        type="text"
        aria-label=${texts.label}
        placeholder=${texts.placeholder}
        maxlength=${MAX_MESSAGE_CHARS}
        autocomplete="off"
        enterkeyhint="send"
        dir="auto"
        .value=${this.draft}
        @input=${(event: Event) => (this.draft = (event.target as HTMLInputElement).value)}
      />
      <button
        class="button primary icon"
        aria-label=${texts.send}
        title=${texts.send}
        ?disabled=${this.draft.trim() === ''}
      >
        ${sendIcon}
      </button>
    </form>`;
  }

  readonly #send = (event: SubmitEvent): void => {
    event.preventDefault();
    const text = this.draft.trim();
    if (text === '') return;
    this.draft = '';
    // A message that the party did not accept returns to the field, unless something else is being written.
    const failed = (): void => {
      if (this.draft === '') this.draft = text;
    };
    this.dispatchEvent(new ActionEvent({ command: 'chat', text }, undefined, failed));
  };

  readonly #scrolled = (): void => {
    if (this.hasNewer && this.#isAtEnd) this.hasNewer = false;
  };

  readonly #toEnd = (): void => {
    this.hasNewer = false;
    this.list.scrollTop = this.list.scrollHeight;
  };

  get #isAtEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.list;
    return scrollHeight - scrollTop - clientHeight < NEAR_PX;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-party-chat': PartyChat;
  }
}

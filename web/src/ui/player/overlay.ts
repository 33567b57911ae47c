// <ud-watch-overlay>: the layer over the picture that explains why there is none. While the last picture is still shown
// it is only dimmed; a stream that cannot be watched at all gets a plain page.

import { LitElement, css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { site } from '../../browser/site';
import type { ErrorCode, LocalErrorCode } from '../../protocol/error';
import { strings } from '../../strings';
import { ghostPicture } from '../logo';
import { base, buttons } from '../styles';
import type { WatchPhase } from '../../watch/session/state';

/** The person gave a passphrase. */
export class PassphraseEvent extends Event {
  constructor(readonly passphrase: string) {
    super('ud-passphrase', { bubbles: true, composed: true });
  }
}

/** The person wants another try. */
export class RetryEvent extends Event {
  constructor() {
    super('ud-retry', { bubbles: true, composed: true });
  }
}

interface Words {
  heading: string;
  advice: string;
}

const texts = strings.watch.overlay;
const INVITATION_REFUSALS = ['missing', 'expired', 'used_up', 'revoked', 'unknown'] as const;

@customElement('ud-watch-overlay')
export class WatchOverlay extends LitElement {
  @property() situation: WatchPhase = 'connecting';
  /** Whether playback has begun, so that there is a picture below. */
  @property({ type: Boolean, reflect: true }) started = false;
  /** Whether playback is waiting for media. */
  @property({ type: Boolean }) waiting = false;
  /** Whether a passphrase was refused. */
  @property({ type: Boolean }) refused = false;
  /** The stream's codecs, for display. */
  @property() codec = '';
  /** The last error. */
  @property({ attribute: false }) problem: ErrorCode | LocalErrorCode | undefined;
  /** Which of several causes the error had. */
  @property() reason: string | undefined;
  /** Whether links open a new tab, because the player is in a frame. */
  @property({ type: Boolean }) newTab = false;
  /** Seconds until the next try, while waiting for it. */
  @property({ attribute: false }) retryInS: number | undefined;
  /** Seconds until an interrupted stream ends unless its broadcaster returns. */
  @property({ attribute: false }) endsInS: number | undefined;
  /** The remaining time at the announcement, which is read aloud once. */
  #saidInS: number | undefined;

  static override styles = [
    base,
    buttons,
    css`
      :host {
        position: absolute;
        inset: 0;
        display: grid;
        place-items: center;
        padding: 20px;
        color: var(--ud-text);
        color-scheme: dark;
        text-align: center;
        pointer-events: none;
      }
      .card {
        display: grid;
        justify-items: center;
        gap: 10px;
        max-width: 30rem;
        pointer-events: auto;
        animation: appear var(--ud-calm);
      }
      :host([started]) .card {
        padding: 18px 26px;
        border-radius: var(--ud-radius);
        background: var(--ud-scrim);
        backdrop-filter: blur(10px);
      }
      .ghost {
        width: clamp(40px, 9vw, 68px);
        color: var(--ud-accent);
      }
      .ghost svg {
        display: block;
      }
      .ghost.calls {
        animation: float 3.2s ease-in-out infinite;
        animation-play-state: var(--ud-loops);
      }
      h2 {
        font-size: clamp(1.0625rem, 3.4vw, 1.5rem);
      }
      p {
        color: var(--ud-muted);
        font-size: 0.9375rem;
        text-wrap: balance;
      }
      form {
        display: flex;
        flex-wrap: wrap;
        justify-content: center;
        gap: 8px;
        margin-top: 6px;
      }
      input {
        min-height: 44px;
        width: 15rem;
        max-width: 100%;
        padding: 0 16px;
        border: 1px solid var(--ud-line-strong);
        border-radius: var(--ud-radius-pill);
        background: var(--ud-bg);
        color: inherit;
        font: inherit;
      }
      .actions {
        margin-top: 6px;
      }
      .next {
        display: flex;
        align-items: center;
        gap: 9px;
        margin-top: 6px;
        color: var(--ud-muted);
        font-size: 0.875rem;
        font-variant-numeric: tabular-nums;
      }
      .pulse {
        width: 9px;
        height: 9px;
        border-radius: 50%;
        background: var(--ud-warn);
        animation: pulse 1.8s ease-in-out infinite;
        animation-play-state: var(--ud-loops);
      }
      .wrong {
        color: var(--ud-live);
      }
      .spinner {
        width: 46px;
        height: 46px;
        border: 4px solid rgb(255 255 255 / 22%);
        border-top-color: #fff;
        border-radius: 50%;
        animation:
          turn 900ms linear infinite,
          appear 300ms 600ms backwards;
        animation-play-state: var(--ud-loops), running;
      }
      @keyframes turn {
        to {
          transform: rotate(1turn);
        }
      }
      @keyframes appear {
        from {
          opacity: 0;
        }
      }
      @keyframes pulse {
        50% {
          opacity: 0.3;
        }
      }
      @keyframes float {
        50% {
          transform: translateY(-7px);
        }
      }
    `,
  ];

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('situation')) this.#saidInS = undefined;
    this.#saidInS ??= this.endsInS;
  }

  override render(): TemplateResult | typeof nothing {
    switch (this.situation) {
      case 'live':
        return this.started && !this.waiting ? nothing : this.#spinner(texts.loading);
      case 'connecting':
        return this.#isUnreachable ? this.#card(texts.unreachable) : this.#spinner(texts.connecting);
      case 'reconnecting':
        return this.waiting || !this.started ? this.#spinner(texts.connectingAgain) : nothing;
      case 'interrupted':
        return this.#interrupted();
      case 'busy':
        return this.#card(busyWords(this.problem));
      case 'uninvited':
        return this.#card(texts.uninvited[refusalOf(this.reason)]);
      case 'locked':
        return this.#card(this.#lockedWords);
      default:
        return this.#card(words(this.situation, this.#what));
    }
  }

  /** Screen readers announce the time once; a countdown read aloud would disturb. */
  #interrupted(): TemplateResult {
    const { heading, advice } = texts.interrupted;
    return this.#card({ heading, advice: advice(this.#saidInS ?? 0) }, advice(this.endsInS ?? 0));
  }

  /** After a refused invitation, the passphrase is another way to watch. */
  get #lockedWords(): Words {
    if (this.problem !== 'invitation_refused') return texts.locked;
    return { heading: texts.uninvited[refusalOf(this.reason)].heading, advice: texts.passphraseInstead };
  }

  /** The codec or kind of stream that the browser cannot play. */
  get #what(): string {
    if (this.codec !== '') return this.codec;
    return this.problem === 'unsupported_format' ? texts.thisStream : texts.liveStreams;
  }

  get #isUnreachable(): boolean {
    return this.problem === 'unreachable' || this.problem === 'timeout';
  }

  #spinner(label: string): TemplateResult {
    return html`<div class="spinner" role="status" aria-label=${label}></div>`;
  }

  /** `shown` is displayed instead of the advice that is read aloud. */
  #card({ heading, advice }: Words, shown?: string): TemplateResult {
    const hopeful = ['connecting', 'waiting', 'interrupted', 'busy'].includes(this.situation);
    return html`<div class="card" role="status">
      ${this.started ? nothing : html`<div class="ghost ${hopeful ? 'calls' : ''}">${ghostPicture}</div>`}
      <h2>${heading}</h2>
      ${shown === undefined ? nothing : html`<p class="shown" aria-hidden="true">${shown}</p>`}
      <p class=${shown === undefined ? '' : 'visually-hidden'}>${advice}</p>
      ${this.#action()}
    </div>`;
  }

  /** The countdown to the next try, visual only: read aloud it would disturb. */
  #nextTry(): TemplateResult | typeof nothing {
    const { retryInS } = this;
    if (retryInS === undefined) return nothing;
    return html`<div class="next" aria-hidden="true"><span class="pulse"></span>${texts.nextTry(retryInS)}</div>`;
  }

  #action(): TemplateResult | typeof nothing {
    switch (this.situation) {
      case 'locked':
        return this.#passphrase();
      case 'ended':
      case 'not_found':
        return html`<div class="actions">
          <a
            class="button primary"
            href=${site('/view')}
            target=${this.newTab ? '_blank' : nothing}
            rel=${this.newTab ? 'noopener' : nothing}
            >${texts.seeLive}</a
          >
        </div>`;
      case 'busy':
      case 'connecting':
        return this.#nextTry();
      case 'failed':
        return this.#again();
      case 'unsupported':
        // The broadcaster may continue with another codec; but a browser without any support for streams will not
        // change.
        return this.#what === texts.liveStreams ? nothing : this.#again();
      default:
        return nothing;
    }
  }

  #again(): TemplateResult {
    return html`<div class="actions">
      <button class="button primary" type="button" @click=${() => this.dispatchEvent(new RetryEvent())}>
        ${texts.tryAgain}
      </button>
    </div>`;
  }

  #passphrase(): TemplateResult {
    return html`<form @submit=${this.#submit}>
        <input name="passphrase" type="password" autocomplete="off" aria-label=${texts.passphrase} required autofocus />
        <button class="button primary" type="submit">${texts.watch}</button>
      </form>
      ${this.refused ? html`<p class="wrong" role="alert">${texts.wrongPassphrase}</p>` : nothing}`;
  }

  #submit(event: SubmitEvent): void {
    event.preventDefault();
    const passphrase = new FormData(event.target as HTMLFormElement).get('passphrase');
    if (typeof passphrase === 'string') this.dispatchEvent(new PassphraseEvent(passphrase));
  }
}

/** The text key for a refused invitation. */
function refusalOf(reason: string | undefined): keyof typeof texts.uninvited {
  return INVITATION_REFUSALS.find((known) => known === reason) ?? 'unknown';
}

/** Why a viewer cannot join now. */
function busyWords(problem: ErrorCode | LocalErrorCode | undefined): Words {
  switch (problem) {
    case 'no_capacity':
      return texts.full;
    case 'limit_reached':
      return texts.crowded;
    case 'store_unavailable':
      return texts.away;
    default:
      return texts.noServer;
  }
}

function words(
  situation: Exclude<
    WatchPhase,
    'live' | 'connecting' | 'reconnecting' | 'interrupted' | 'busy' | 'locked' | 'uninvited'
  >,
  what: string,
): Words {
  switch (situation) {
    case 'waiting':
      return texts.waiting;
    case 'ended':
      return texts.ended;
    case 'not_found':
      return texts.notFound;
    case 'unsupported':
      return { heading: texts.unsupported.heading(what), advice: texts.unsupported.advice };
    case 'failed':
      return texts.failed;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-watch-overlay': WatchOverlay;
  }
  interface HTMLElementEventMap {
    'ud-passphrase': PassphraseEvent;
    'ud-retry': RetryEvent;
  }
}

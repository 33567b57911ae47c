// <ud-watch-overlay>: what lies over the picture when there is none, and why. While the last picture still stands it is
// only dimmed; a stream that cannot be seen at all gets a calm page of its own.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { ErrorCode, LocalErrorCode } from '../../protocol/error';
import { ghostPicture } from '../shell';
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
  advice?: string;
}

@customElement('ud-watch-overlay')
export class WatchOverlay extends LitElement {
  @property() situation: WatchPhase = 'connecting';
  /** Playback has begun: there is a picture below. */
  @property({ type: Boolean, reflect: true }) started = false;
  /** Playback waits for media. */
  @property({ type: Boolean }) waiting = false;
  /** A passphrase was given and refused. */
  @property({ type: Boolean }) refused = false;
  /** What the browser would have to play, for people. */
  @property() codec = '';
  /** What went wrong last. */
  @property({ attribute: false }) problem: ErrorCode | LocalErrorCode | undefined;
  /** Links lead to a new tab: what they lead to is not made for the frame that this is in. */
  @property({ type: Boolean }) newTab = false;
  /** Seconds until the next try, while waiting for it. */
  @property({ attribute: false }) retryInS: number | undefined;

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
        color: #eef5f1;
        text-align: center;
        pointer-events: none;
      }
      .card {
        display: grid;
        justify-items: center;
        gap: 10px;
        max-width: 30rem;
        pointer-events: auto;
        animation: appear 240ms ease-out;
      }
      :host([started]) .card {
        padding: 18px 26px;
        border-radius: var(--ud-radius);
        background: rgb(6 11 9 / 82%);
        backdrop-filter: blur(10px);
      }
      .ghost {
        width: clamp(40px, 9vw, 68px);
        color: #4fe3a1;
      }
      .ghost svg {
        display: block;
      }
      .ghost.calls {
        animation: float 3.2s ease-in-out infinite;
      }
      h2 {
        font-size: clamp(1.0625rem, 3.4vw, 1.5rem);
      }
      p {
        color: #b4c2bb;
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
        border: 1px solid #6d7a73;
        border-radius: 999px;
        background: #0b100e;
        color: inherit;
        font: inherit;
      }
      .button.primary {
        background: #4fe3a1;
        color: #04140c;
      }
      .button.primary:hover:not([disabled]) {
        background: #7df0bd;
      }
      .actions {
        margin-top: 6px;
      }
      .next {
        display: flex;
        align-items: center;
        gap: 9px;
        margin-top: 6px;
        color: #b4c2bb;
        font-size: 0.875rem;
        font-variant-numeric: tabular-nums;
      }
      .pulse {
        width: 9px;
        height: 9px;
        border-radius: 50%;
        background: #f2bd5b;
        animation: pulse 1.8s ease-in-out infinite;
      }
      .wrong {
        color: #ff8c99;
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

  override render(): TemplateResult | typeof nothing {
    switch (this.situation) {
      case 'live':
        return this.started && !this.waiting ? nothing : this.#spinner('Loading');
      case 'connecting':
        return this.#isUnreachable ? this.#card(UNREACHABLE) : this.#spinner('Connecting');
      case 'reconnecting':
        return this.waiting || !this.started ? this.#spinner('Connecting again') : nothing;
      case 'locked':
        return this.#card({
          heading: 'This stream is private',
          advice: 'Its broadcaster can tell you the passphrase.',
        });
      default:
        return this.#card(this.situation === 'busy' ? busyWords(this.problem) : words(this.situation, this.#what));
    }
  }

  /** What the browser cannot play. */
  get #what(): string {
    if (this.codec !== '') return this.codec;
    return this.problem === 'unsupported_format' ? 'this stream' : 'live streams';
  }

  get #isUnreachable(): boolean {
    return this.problem === 'unreachable' || this.problem === 'timeout';
  }

  #spinner(label: string): TemplateResult {
    return html`<div class="spinner" role="status" aria-label=${label}></div>`;
  }

  #card({ heading, advice }: Words): TemplateResult {
    const hopeful = ['connecting', 'waiting', 'interrupted', 'busy'].includes(this.situation);
    return html`<div class="card" role="status">
      ${this.started ? nothing : html`<div class="ghost ${hopeful ? 'calls' : ''}">${ghostPicture}</div>`}
      <h2>${heading}</h2>
      ${advice === undefined ? nothing : html`<p>${advice}</p>`} ${this.#action()}
    </div>`;
  }

  /** When the next try is, for those who look; told aloud it would only disturb. */
  #nextTry(): TemplateResult | typeof nothing {
    const { retryInS } = this;
    if (retryInS === undefined) return nothing;
    return html`<div class="next" aria-hidden="true">
      <span class="pulse"></span>${retryInS > 0 ? `Next try in ${retryInS} s` : 'Trying again…'}
    </div>`;
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
            href="/view"
            target=${this.newTab ? '_blank' : nothing}
            rel=${this.newTab ? 'noopener' : nothing}
            >See what is live</a
          >
        </div>`;
      case 'busy':
      case 'connecting':
        return this.#nextTry();
      case 'failed':
        return this.#again();
      case 'unsupported':
        // The broadcaster may go on with another codec; a browser that plays no streams at all will not learn to.
        return this.#what === 'live streams' ? nothing : this.#again();
      default:
        return nothing;
    }
  }

  #again(): TemplateResult {
    return html`<div class="actions">
      <button class="button primary" type="button" @click=${() => this.dispatchEvent(new RetryEvent())}>
        Try again
      </button>
    </div>`;
  }

  #passphrase(): TemplateResult {
    return html`<form @submit=${this.#submit}>
        <input name="passphrase" type="password" autocomplete="off" aria-label="Passphrase" required autofocus />
        <button class="button primary" type="submit">Watch</button>
      </form>
      ${this.refused ? html`<p class="wrong" role="alert">That is not the passphrase.</p>` : nothing}`;
  }

  #submit(event: SubmitEvent): void {
    event.preventDefault();
    const passphrase = new FormData(event.target as HTMLFormElement).get('passphrase');
    if (typeof passphrase === 'string') this.dispatchEvent(new PassphraseEvent(passphrase));
  }
}

const UNREACHABLE: Words = {
  heading: 'The server cannot be reached',
  advice: 'We keep trying. If it lasts, check your connection.',
};

/** Why nobody is let in now. */
function busyWords(problem: ErrorCode | LocalErrorCode | undefined): Words {
  switch (problem) {
    case 'no_capacity':
      return {
        heading: 'All servers are full at the moment',
        advice:
          'You get in automatically as soon as there is room. Leave this page open, there is no need to reload it.',
      };
    case 'limit_reached':
      return {
        heading: 'Many people are coming in at once',
        advice: 'It is your turn in a moment, without doing anything.',
      };
    case 'store_unavailable':
      return {
        heading: 'Nobody can be let in right now',
        advice: 'Part of the service is away for a moment. Streams go on meanwhile, and you get in automatically.',
      };
    default:
      return {
        heading: 'No server is free right now',
        advice: 'We keep trying. You need not do anything.',
      };
  }
}

function words(
  situation: Exclude<WatchPhase, 'live' | 'connecting' | 'reconnecting' | 'locked' | 'busy'>,
  what: string,
): Words {
  switch (situation) {
    case 'waiting':
      return { heading: 'Waiting for the broadcaster', advice: 'The picture comes by itself as soon as there is one.' };
    case 'interrupted':
      return { heading: 'The stream is interrupted', advice: 'It goes on by itself when the broadcaster is back.' };
    case 'ended':
      return { heading: 'This stream has ended', advice: 'Thanks for watching.' };
    case 'not_found':
      return { heading: 'No stream here', advice: 'The link may be incomplete, or the stream was over long ago.' };
    case 'unsupported':
      return {
        heading: `This browser cannot play ${what}`,
        advice: 'A current Chrome, Edge or Firefox can; on an iPhone or iPad, iOS 17.1 or newer may.',
      };
    case 'failed':
      return { heading: 'Playback stopped', advice: 'This page could not go on with the stream.' };
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

// <ud-controls>: the bar under the picture. It shows the given state and sends `ud-command` for presses.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import {
  backIcon,
  enlargeIcon,
  keyboardIcon,
  mutedIcon,
  pauseIcon,
  pictureInPictureIcon,
  playIcon,
  shrinkIcon,
  soundIcon,
  statsIcon,
} from '../icons';
import { strings } from '../../strings';
import type { Command } from '../../watch/keys';
import { base } from '../styles';
import { volumeSlider } from '../volume';

const texts = strings.watch.player;

/** The person pressed a control. */
export class CommandEvent extends Event {
  constructor(readonly command: Command) {
    super('ud-command', { bubbles: true, composed: true });
  }
}

/** The volume was moved, 0 to 1. */
export class VolumeEvent extends Event {
  constructor(readonly volume: number) {
    super('ud-volume', { bubbles: true, composed: true });
  }
}

@customElement('ud-controls')
export class Controls extends LitElement {
  @property({ type: Boolean }) paused = false;
  /** Whether media arrives and the playhead follows it. */
  @property({ type: Boolean }) live = false;
  @property({ type: Boolean }) muted = false;
  @property({ type: Boolean }) audible = true;
  @property({ type: Number }) volume = 1;
  @property({ type: Boolean }) enlarged = false;
  /** Whether this browser allows full screen. */
  @property({ type: Boolean }) canEnlarge = false;
  /** Which panel is open over the picture. */
  @property({ attribute: false }) panel: 'stats' | 'keys' | undefined;
  /** Whether letter keys are on, so that buttons name theirs. */
  @property({ type: Boolean }) letters = true;
  @property({ type: Boolean }) canFloat = false;
  /** Whether there is something to rewind to. */
  @property({ type: Boolean }) canRewind = false;
  @property({ type: Number }) latencyMs: number | undefined;

  static override styles = [
    base,
    css`
      :host {
        container-type: inline-size;
        display: flex;
        align-items: center;
        gap: 4px;
        padding: 4px;
        border-radius: 999px;
        background: var(--ud-scrim);
        color: #fff;
        color-scheme: dark;
        backdrop-filter: blur(10px);
      }
      button {
        display: inline-flex;
        align-items: center;
        justify-content: center;
        gap: 7px;
        min-width: 44px;
        height: 44px;
        padding: 0 10px;
        border: 0;
        border-radius: 999px;
        background: none;
        color: inherit;
        font: inherit;
        font-size: 0.875rem;
        font-weight: 650;
        cursor: pointer;
      }
      button:hover,
      button[aria-pressed='true'] {
        background: rgb(255 255 255 / 16%);
      }
      :focus-visible {
        box-shadow: 0 0 0 2px #fff;
        border-radius: 999px;
      }
      svg {
        width: 22px;
        height: 22px;
      }
      .edge::before {
        content: '';
        flex: none;
        width: 8px;
        height: 8px;
        border-radius: 50%;
        background: #a9b3ae;
      }
      .edge.on::before {
        background: var(--ud-live);
      }
      .edge {
        white-space: nowrap;
      }
      .space {
        flex: 1;
      }
      .latency {
        padding: 0 8px;
        color: rgb(255 255 255 / 82%);
        font-size: 0.8125rem;
        font-variant-numeric: tabular-nums;
        white-space: nowrap;
      }
      input {
        width: 84px;
        height: 44px;
        margin: 0 6px 0 0;
        accent-color: #fff;
        cursor: pointer;
      }
      @media (hover: none) {
        input {
          display: none;
        }
      }
      /* Depends on the bar's width, not the screen's: a panel may stand beside the picture. */
      @container (max-width: 340px) {
        .latency {
          display: none;
        }
      }
      @container (max-width: 560px) {
        input,
        .float {
          display: none;
        }
        button {
          min-width: 40px;
          height: 40px;
          padding: 0 8px;
        }
      }
      @container (max-width: 300px) {
        .back,
        .keys {
          display: none;
        }
        button {
          min-width: 32px;
          padding: 0 4px;
        }
      }
    `,
  ];

  override render(): TemplateResult {
    return html`
      ${this.#button('play_pause', this.paused ? texts.play : texts.pause, this.paused ? playIcon : pauseIcon)}
      ${this.canRewind ? this.#button('back', texts.back, backIcon, undefined, 'back') : nothing} ${this.#edge()}
      ${this.audible ? this.#sound() : nothing}
      <span class="space"></span>
      ${this.#latency()} ${this.#button('keys', texts.keys, keyboardIcon, this.panel === 'keys', 'keys')}
      ${this.#button('stats', this.#named(texts.stats, 'i'), statsIcon, this.panel === 'stats')}
      ${
        this.canFloat
          ? this.#button('picture_in_picture', texts.float, pictureInPictureIcon, undefined, 'float')
          : nothing
      }
      ${this.canEnlarge ? this.#fullScreen() : nothing}
    `;
  }

  #fullScreen(): TemplateResult {
    const label = this.#named(this.enlarged ? texts.leaveFullScreen : texts.fullScreen, 'f');
    return this.#button('full_screen', label, this.enlarged ? shrinkIcon : enlargeIcon);
  }

  #named(label: string, letter: string): string {
    return this.letters ? texts.withKey(label, letter) : label;
  }

  #edge(): TemplateResult {
    const label = this.live ? texts.live : texts.goToLive;
    return html`<button class="edge ${this.live ? 'on' : ''}" type="button" @click=${() => this.#ask('go_live')}>
      ${label}
    </button>`;
  }

  #sound(): TemplateResult {
    const silent = this.muted || this.volume === 0;
    return html`${this.#button('mute', this.#named(silent ? texts.soundOn : texts.mute, 'm'), silent ? mutedIcon : soundIcon)}
    ${volumeSlider({
      label: texts.volume,
      volume: this.volume,
      muted: this.muted,
      changed: (volume) => this.dispatchEvent(new VolumeEvent(volume)),
    })}`;
  }

  #latency(): TemplateResult | typeof nothing {
    if (this.latencyMs === undefined) return nothing;
    return html`<span class="latency" title=${texts.behindMeans}>
      ${texts.behind((this.latencyMs / 1000).toFixed(2))}
    </span>`;
  }

  #button(command: Command, label: string, icon: TemplateResult, pressed?: boolean, kind = ''): TemplateResult {
    return html`<button
      class=${kind}
      type="button"
      title=${label}
      aria-label=${label}
      aria-pressed=${pressed ?? nothing}
      @click=${() => this.#ask(command)}
    >
      ${icon}
    </button>`;
  }

  #ask(command: Command): void {
    this.dispatchEvent(new CommandEvent(command));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-controls': Controls;
  }
  interface HTMLElementEventMap {
    'ud-command': CommandEvent;
    'ud-volume': VolumeEvent;
  }
}

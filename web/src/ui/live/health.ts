// <ud-health>: the health of a stream on the air, in rows: upload, picture, bit rate, sound. Figures and words, no
// advice.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { BroadcastState, Rates } from '../../publish/broadcast';
import type { Voice } from '../../publish/capture';
import type { SourceKind } from '../../publish/problems';
import { sizeText } from '../../publish/size';
import { strings } from '../../strings';
import { base, block } from '../styles';
import { surfaces } from '../surfaces';
import './sound-level';

const texts = strings.live.onAir;

/** A smaller backlog is normal. */
const ON_TIME_MS = 1_000;

/** The sound of the shared source. */
export interface SharedSound {
  kind: SourceKind;
  stream: MediaStream;
  hasAudio: boolean;
  hasOwnSound: boolean;
  voice: Voice;
}

@customElement('ud-health')
export class Health extends LitElement {
  @property({ attribute: false }) declare state: BroadcastState;
  @property({ attribute: false }) declare rates: Rates;
  /** Undefined while nothing is shared. */
  @property({ attribute: false }) shared: SharedSound | undefined;

  static override styles = [
    base,
    block,
    surfaces,
    css`
      .slow {
        color: var(--ud-warn);
        font-weight: 600;
      }
      .level {
        flex: 1;
        max-width: 12rem;
      }
      .hint {
        margin-top: 2px;
      }
    `,
  ];

  override render(): TemplateResult {
    const { picture, recording } = this.state;
    const { framesPerSecond, bitsPerSecond } = this.rates;
    const frames = framesPerSecond === undefined ? '' : String(Math.round(framesPerSecond));
    return html`<dl class="facts">
        ${this.#upload()}
        ${picture ? row(texts.picture, texts.pictureFigures(sizeText(picture.sent), frames)) : nothing}
        ${recording ? row(texts.bitRate, bitRate(bitsPerSecond)) : nothing}
        ${this.shared ? this.#sound(this.shared) : nothing}
      </dl>
      ${
        this.shared?.kind === 'screen' && !this.shared.hasOwnSound
          ? html`<p class="hint">${texts.soundHint}</p>`
          : nothing
      }`;
  }

  #upload(): TemplateResult {
    const { phase, behindMs } = this.state;
    const late = phase === 'live' && behindMs > ON_TIME_MS;
    const words = late ? texts.uploads.behind((behindMs / 1000).toFixed(1)) : texts.uploads[phase];
    return row(texts.upload, html`<span class=${phase === 'live' && !late ? '' : 'slow'}>${words}</span>`);
  }

  #sound({ kind, stream, hasAudio, hasOwnSound, voice }: SharedSound): TemplateResult {
    return html`${row(texts.sourceSound[kind], hasOwnSound ? texts.included : texts.notIncluded)}
    ${row(texts.microphone, texts.voices[voice])}
    ${
      hasAudio
        ? html`<div>
            <dt>${texts.level}</dt>
            <dd class="level"><ud-sound-level .source=${stream}></ud-sound-level></dd>
          </div>`
        : row(texts.level, texts.silent)
    }`;
  }
}

function row(name: string, value: unknown): TemplateResult {
  return html`<div>
    <dt>${name}</dt>
    <dd>${value}</dd>
  </div>`;
}

function bitRate(bitsPerSecond: number | undefined): string {
  return bitsPerSecond === undefined ? texts.measuring : texts.megabits((bitsPerSecond / 1e6).toFixed(1));
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-health': Health;
  }
}

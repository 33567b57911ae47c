// <ud-sound-level .source>: the loudness of a stream, ten times a second, as a bar on a decibel scale.

import { LitElement, css, html, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { strings } from '../../strings';
import { base, block } from '../styles';
import { level } from './level';

const EVERY_MS = 100;
const SAMPLES = 1024;

@customElement('ud-sound-level')
export class SoundLevel extends LitElement {
  @property({ attribute: false }) source: MediaStream | undefined;
  @state() private level = 0;
  #context: AudioContext | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  static override styles = [
    base,
    block,
    css`
      svg {
        display: block;
        width: 100%;
        height: 8px;
        border-radius: 4px;
        background: var(--ud-line);
      }
      rect {
        fill: var(--ud-accent);
      }
      .loud {
        fill: var(--ud-warn);
      }
    `,
  ];

  override updated(changed: PropertyValues<this>): void {
    if (changed.has('source')) this.#listen();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.#listen();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#close();
  }

  override render(): TemplateResult {
    const percent = Math.round(this.level * 100);
    return html`<div
      role="meter"
      aria-label=${strings.live.onAir.level}
      aria-valuemin="0"
      aria-valuemax="100"
      aria-valuenow=${percent}
    >
      <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
        <rect class=${percent > 90 ? 'loud' : ''} width=${percent} height="8" />
      </svg>
    </div>`;
  }

  #listen(): void {
    this.#close();
    const tracks = this.source?.getAudioTracks() ?? [];
    if (tracks.length === 0) return;
    const context = (this.#context = new AudioContext());
    const analyser = new AnalyserNode(context, { fftSize: SAMPLES });
    context.createMediaStreamSource(new MediaStream(tracks)).connect(analyser);
    const samples = new Float32Array(SAMPLES);
    this.#timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      this.level = level(samples);
    }, EVERY_MS);
  }

  #close(): void {
    clearInterval(this.#timer);
    this.level = 0;
    void this.#context?.close();
    this.#context = undefined;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-sound-level': SoundLevel;
  }
}

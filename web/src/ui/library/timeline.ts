// <ud-timeline .durationMs .positionMs .ranges .wave .previews>: the playback position as a slider, over the loaded
// ranges and the waveform, with a preview picture at the pointer. Sends `ud-seek`, unless it is `fixed`.

import { LitElement, css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import type { Preview } from '../../protocol/item';
import type { Wave } from '../../library/peaks';
import { strings } from '../../strings';
import { runningTime } from '../format';
import { base } from '../styles';

/** A loaded range, in ms. */
export interface Loaded {
  startMs: number;
  endMs: number;
}

/** The person seeks to a time. */
export class SeekEvent extends Event {
  constructor(readonly ms: number) {
    super('ud-seek', { bubbles: true, composed: true });
  }
}

const texts = strings.library.player;
/** Width and gap of a bar of the waveform, CSS pixels. */
const BAR = { width: 2, gap: 1 };
/** Width of a preview picture, CSS pixels. */
const PREVIEW_WIDTH = 160;

@customElement('ud-timeline')
export class Timeline extends LitElement {
  @property({ type: Number }) durationMs = 0;
  @property({ type: Number }) positionMs = 0;
  @property({ attribute: false }) ranges: readonly Loaded[] = [];
  @property({ attribute: false }) wave: Wave | undefined;
  @property({ attribute: false }) previews: readonly Preview[] = [];
  /** A thin line, for small spaces. */
  @property({ type: Boolean, reflect: true }) slim = false;
  /** Whether the person may not seek. */
  @property({ type: Boolean, reflect: true }) fixed = false;
  /** Changes when the waveform has more data. */
  @property({ type: Number }) version = 0;
  /** The dragged position, until release. */
  @state() private draggedMs: number | undefined;
  @state() private hoveredMs: number | undefined;
  @query('canvas') declare private canvas: HTMLCanvasElement;
  readonly #resized = new ResizeObserver(() => this.#paintSoon());
  #isDue = false;

  static override styles = [
    base,
    css`
      :host {
        position: relative;
        display: block;
        height: 44px;
        touch-action: pan-y;
      }
      :host([tall]) {
        height: 84px;
      }
      :host([slim]) {
        height: 20px;
      }
      canvas {
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
        color: var(--ud-accent);
        pointer-events: none;
      }
      input {
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
        margin: 0;
        appearance: none;
        background: none;
        cursor: pointer;
      }
      input::-webkit-slider-thumb {
        appearance: none;
        width: 14px;
        height: 14px;
        border: 0;
        border-radius: 50%;
        background: var(--ud-accent);
        box-shadow: 0 0 0 3px var(--ud-surface);
        transition: transform var(--ud-quick);
      }
      input::-moz-range-thumb {
        width: 14px;
        height: 14px;
        border: 0;
        border-radius: 50%;
        background: var(--ud-accent);
        box-shadow: 0 0 0 3px var(--ud-surface);
      }
      :host([fixed]) input {
        cursor: default;
      }
      :host([fixed]) input::-webkit-slider-thumb {
        transform: scale(0);
      }
      :host([fixed]) input::-moz-range-thumb {
        transform: scale(0);
      }
      input:hover::-webkit-slider-thumb {
        transform: scale(1.2);
      }
      :host([slim]) input:not(:hover, :focus-visible)::-webkit-slider-thumb {
        transform: scale(0);
      }
      .tip {
        position: absolute;
        bottom: calc(100% + 4px);
        left: 0;
        z-index: 3;
        display: grid;
        justify-items: center;
        gap: 4px;
        width: max-content;
        padding: 4px;
        border-radius: var(--ud-radius-small);
        background: var(--ud-scrim);
        color: #fff;
        font-size: var(--ud-text-xs);
        font-variant-numeric: tabular-nums;
        line-height: 1.3;
        pointer-events: none;
      }
      .tip img {
        display: block;
        width: 160px;
        aspect-ratio: 16 / 9;
        border-radius: 6px;
        object-fit: contain;
        background: #000;
      }
    `,
  ];

  override connectedCallback(): void {
    super.connectedCallback();
    this.#resized.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resized.disconnect();
  }

  override render(): TemplateResult {
    const at = this.draggedMs ?? this.positionMs;
    return html`<canvas aria-hidden="true"></canvas>
      <input
        type="range"
        min="0"
        max=${Math.max(1, Math.round(this.durationMs))}
        step="1"
        aria-label=${texts.position}
        aria-valuetext=${texts.positionOf(runningTime(at), runningTime(this.durationMs))}
        .value=${String(Math.round(at))}
        ?disabled=${this.fixed || !(this.durationMs > 0)}
        @input=${(event: Event) => (this.draggedMs = Number((event.target as HTMLInputElement).value))}
        @change=${(event: Event) => this.#let(Number((event.target as HTMLInputElement).value))}
        @keydown=${this.#key}
        @pointermove=${this.#hover}
        @pointerleave=${() => (this.hoveredMs = undefined)}
      />
      ${this.#tip()}`;
  }

  override updated(changed: PropertyValues): void {
    this.#paintSoon();
    if (changed.has('hoveredMs') || changed.has('draggedMs')) this.#placeTip();
  }

  #tip(): TemplateResult | typeof nothing {
    const ms = this.draggedMs ?? this.hoveredMs;
    if (ms === undefined || this.slim) return nothing;
    const preview = this.previews.findLast(({ at_ms }) => at_ms <= ms) ?? this.previews[0];
    return html`<div class="tip" aria-hidden="true">
      ${preview === undefined ? nothing : html`<img src=${preview.url} alt="" />`}${runningTime(ms)}
    </div>`;
  }

  /** Positions the preview by script: the pages' content security policy forbids style attributes. */
  #placeTip(): void {
    const tip = this.renderRoot.querySelector<HTMLElement>('.tip');
    const ms = this.draggedMs ?? this.hoveredMs;
    if (tip === null || ms === undefined) return;
    const half = (this.previews.length > 0 ? PREVIEW_WIDTH + 8 : 56) / 2;
    const at = (ms / this.durationMs) * this.clientWidth;
    tip.style.transform = `translateX(calc(${Math.min(Math.max(at, half), this.clientWidth - half)}px - 50%))`;
  }

  readonly #hover = (event: PointerEvent): void => {
    const { left, width } = this.getBoundingClientRect();
    this.hoveredMs = Math.min(1, Math.max(0, (event.clientX - left) / width)) * this.durationMs;
  };

  /** The slider's own step is a millisecond; that of a key is five seconds. */
  readonly #key = (event: KeyboardEvent): void => {
    const steps: Record<string, number> = {
      ArrowLeft: -5,
      ArrowDown: -5,
      ArrowRight: 5,
      ArrowUp: 5,
      PageUp: 60,
      PageDown: -60,
    };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.#let(Math.min(this.durationMs, Math.max(0, this.positionMs + step * 1000)));
  };

  #let(ms: number): void {
    this.draggedMs = undefined;
    this.positionMs = ms;
    this.dispatchEvent(new SeekEvent(ms));
  }

  /** Paints once a frame. Painting reads the layout, which is expensive while the page is being built. */
  #paintSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      if (this.isConnected) this.#paint();
    });
  }

  #paint(): void {
    const { canvas } = this;
    const { clientWidth: width, clientHeight: height } = this;
    const context = canvas.getContext('2d');
    if (context === null || width === 0) return;
    const scale = devicePixelRatio;
    canvas.width = width * scale;
    canvas.height = height * scale;
    context.scale(scale, scale);
    const style = getComputedStyle(canvas);
    const colours = {
      played: style.color,
      rest: colourOf(this, '--ud-line-strong'),
      loaded: colourOf(this, '--ud-line'),
    };
    const columns = this.wave?.columns(Math.floor(width / (BAR.width + BAR.gap)), this.durationMs);
    const heard = this.slim || columns === undefined || columns.every(Number.isNaN) ? undefined : columns;
    if (heard === undefined) this.#paintLine(context, width, height, colours);
    else this.#paintWave(context, heard, height, colours);
  }

  #paintLine(context: CanvasRenderingContext2D, width: number, height: number, colours: Colours): void {
    const thick = this.slim ? 4 : 6;
    const top = (height - thick) / 2;
    const line = (from: number, to: number, colour: string): void => {
      context.fillStyle = colour;
      context.beginPath();
      context.roundRect(from, top, Math.max(0, to - from), thick, thick / 2);
      context.fill();
    };
    const x = (ms: number): number => (Math.min(ms, this.durationMs) / Math.max(1, this.durationMs)) * width;
    line(0, width, colours.loaded);
    context.globalAlpha = 0.45;
    for (const { startMs, endMs } of this.ranges) line(x(startMs), x(endMs), colours.rest);
    context.globalAlpha = 1;
    line(0, x(this.draggedMs ?? this.positionMs), colours.played);
  }

  #paintWave(context: CanvasRenderingContext2D, columns: Float32Array, height: number, colours: Colours): void {
    const played = ((this.draggedMs ?? this.positionMs) / Math.max(1, this.durationMs)) * columns.length;
    columns.forEach((peak, i) => {
      const tall = Number.isNaN(peak) ? 2 : Math.max(2, Math.sqrt(peak) * (height - 6));
      context.fillStyle = i < played ? colours.played : colours.rest;
      context.globalAlpha = Number.isNaN(peak) ? 0.4 : 1;
      context.fillRect(i * (BAR.width + BAR.gap), (height - tall) / 2, BAR.width, tall);
    });
  }
}

interface Colours {
  played: string;
  rest: string;
  loaded: string;
}

/** Resolves a token to a colour that a canvas understands: an element computes its `light-dark()`. */
function colourOf(host: HTMLElement, token: string): string {
  host.style.outlineColor = `var(${token})`;
  const colour = getComputedStyle(host).outlineColor;
  host.style.outlineColor = '';
  return colour;
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-timeline': Timeline;
  }
  interface HTMLElementEventMap {
    'ud-seek': SeekEvent;
  }
}

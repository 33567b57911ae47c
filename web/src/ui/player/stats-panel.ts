// <ud-stats>: the figures of playback, for the curious and for whoever has to find out what is wrong.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { TransportName } from '../../transport/connection';
import { base } from '../styles';
import { codecNames } from '../../watch/mime';
import type { Figures } from '../../watch/viewing';

@customElement('ud-stats')
export class StatsPanel extends LitElement {
  @property({ attribute: false }) stats: Figures | undefined;

  static override styles = [
    base,
    css`
      :host {
        display: block;
        padding: 12px 16px;
        border-radius: var(--ud-radius-small);
        background: rgb(6 11 9 / 82%);
        color: #e8f0ec;
        font-size: 0.8125rem;
        backdrop-filter: blur(8px);
      }
      dl {
        display: grid;
        grid-template-columns: auto auto;
        gap: 3px 18px;
        margin: 0;
      }
      @media (max-width: 560px) {
        :host {
          padding: 8px 12px;
          font-size: 0.75rem;
        }
        dl {
          grid-template-columns: auto 1fr auto 1fr;
          gap: 2px 12px;
        }
      }
      dt {
        color: #a5b3ac;
        white-space: nowrap;
      }
      dd {
        margin: 0;
        font-family: var(--ud-mono);
        font-variant-numeric: tabular-nums;
        text-align: right;
        white-space: nowrap;
      }
    `,
  ];

  override render(): TemplateResult | typeof nothing {
    return this.stats === undefined ? nothing : html`<dl>${rows(this.stats).map(row)}</dl>`;
  }
}

function row([name, value]: [string, string | undefined]): TemplateResult {
  return html`<dt>${name}</dt>
    <dd>${value ?? '–'}</dd>`;
}

function rows(stats: Figures): [string, string | undefined][] {
  const { width, height, framesPerSecond, bitsPerSecond, mime, joinMs } = stats;
  return [
    ['Latency', milliseconds(stats.latencyMs)],
    ['Buffer', milliseconds(stats.bufferMs)],
    ['Speed', `${stats.rate.toFixed(2)}×`],
    ['Resolution', width > 0 ? `${width}×${height}` : undefined],
    ['Frames', framesPerSecond === undefined ? undefined : `${Math.round(framesPerSecond)}/s`],
    ['Bit rate', bitsPerSecond === undefined ? undefined : `${(bitsPerSecond / 1e6).toFixed(2)} Mbit/s`],
    ['Dropped frames', String(stats.droppedFrames)],
    ['Stalls', String(stats.stalls)],
    ['Joined in', milliseconds(joinMs)],
    ['Codec', mime === undefined ? undefined : codecNames(mime)],
    ['Transport', stats.transport && TRANSPORTS[stats.transport]],
    ['Node', stats.node],
  ];
}

const TRANSPORTS: Record<TransportName, string> = {
  ws: 'WebSocket',
  socketio: 'Socket.IO',
  polling: 'Long polling',
};

function milliseconds(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : `${Math.round(ms)} ms`;
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-stats': StatsPanel;
  }
}

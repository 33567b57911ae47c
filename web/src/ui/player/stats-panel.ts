// <ud-stats>: the figures of playback, for curious viewers and for diagnosis.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { sizeText } from '../../publish/size';
import { strings } from '../../strings';
import { base } from '../styles';
import { panelStyles } from './panel-styles';
import { codecNames } from '../../watch/mime';
import type { Figures } from '../../watch/viewing';

const texts = strings.watch.stats;

@customElement('ud-stats')
export class StatsPanel extends LitElement {
  @property({ attribute: false }) stats: Figures | undefined;

  static override styles = [
    base,
    panelStyles,
    css`
      dt {
        color: var(--ud-muted);
        white-space: nowrap;
      }
      dd {
        font-family: var(--ud-mono);
        font-variant-numeric: tabular-nums;
        overflow: hidden;
        text-align: right;
        text-overflow: ellipsis;
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
    <dd>${value ?? texts.unknown}</dd>`;
}

function rows(stats: Figures): [string, string | undefined][] {
  const { width, height, framesPerSecond, bitsPerSecond, mime, joinMs } = stats;
  return [
    [texts.latency, milliseconds(stats.latencyMs)],
    [texts.buffer, milliseconds(stats.bufferMs)],
    [texts.speed, texts.times(stats.rate.toFixed(2))],
    [texts.resolution, width > 0 ? sizeText({ width, height }) : undefined],
    [texts.frames, framesPerSecond === undefined ? undefined : texts.perSecond(Math.round(framesPerSecond))],
    [texts.bitRate, bitsPerSecond === undefined ? undefined : texts.megabits((bitsPerSecond / 1e6).toFixed(2))],
    [texts.dropped, String(stats.droppedFrames)],
    [texts.stalls, String(stats.stalls)],
    [texts.joined, milliseconds(joinMs)],
    [texts.codec, mime === undefined ? undefined : codecNames(mime)],
    [texts.transport, stats.transport && texts.transports[stats.transport]],
    [texts.node, stats.node],
  ];
}

function milliseconds(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : texts.milliseconds(Math.round(ms));
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-stats': StatsPanel;
  }
}

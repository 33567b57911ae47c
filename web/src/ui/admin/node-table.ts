// <ud-node-table .nodes .mayGo>: the nodes with their load; cards on phones. Sends `remove` for a node that does not
// respond.

import { LitElement, html, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { NodeInfo } from '../../protocol/node';
import { strings } from '../../strings';
import { badges } from '../badges';
import { count, rate } from '../format';
import '../progress';
import { base, buttons } from '../styles';
import { surfaces } from '../surfaces';
import { table, tables } from '../table';
import { clockProblem, fullness, tone } from './figures';

const texts = strings.admin.nodes;

/** The operator removes a node from the list. */
export class RemoveEvent extends Event {
  constructor(readonly node: NodeInfo) {
    super('remove');
  }
}

@customElement('ud-node-table')
export class NodeTable extends LitElement {
  @property({ attribute: false }) nodes: readonly NodeInfo[] = [];
  /** Hostnames of nodes that can be stopped. */
  @property({ attribute: false }) mayGo: readonly string[] = [];

  static override styles = [base, buttons, badges, surfaces, tables];

  override render(): TemplateResult {
    if (this.nodes.length === 0) {
      return html`<div class="empty">
        <h3>${texts.empty}</h3>
        <p>${texts.emptyAdvice}</p>
      </div>`;
    }
    return table({
      columns: [texts.node, texts.state, texts.load, texts.streams, texts.viewers, texts.sends, texts.skips],
      rows: this.nodes,
      key: ({ node_id }) => node_id,
      row: (node) => this.#row(node),
    });
  }

  #row(node: NodeInfo): TemplateResult {
    const { hostname, public_url, region, capacity, streams, load } = node;
    return html`<tr role="row">
      <th scope="row" role="rowheader">
        <span class="name">
          ${hostname} <span class="name hint">${region === undefined ? public_url : `${public_url} · ${region}`}</span>
        </span>
        ${this.#remove(node)}
      </th>
      <td role="cell" data-label=${texts.state}>${this.#state(node)} ${this.#clock(node)}</td>
      <td role="cell" data-label=${texts.load}>${this.#load(node)}</td>
      <td role="cell" data-label=${texts.streams}>${share(streams, capacity.streams)}</td>
      <td role="cell" data-label=${texts.viewers}>${share(load.viewers, capacity.viewers)}</td>
      <td role="cell" data-label=${texts.sends}>${rate(load.egress_bytes_per_s)}</td>
      <td role="cell" data-label=${texts.skips}>${count(load.skips)}</td>
    </tr>`;
  }

  #state({ hostname, lease_left_ms }: NodeInfo): TemplateResult {
    if (lease_left_ms <= 0) return html`<span class="badge bad">${texts.gone}</span>`;
    if (this.mayGo.includes(hostname)) return html`<span class="badge warn">${texts.mayStop}</span>`;
    return html`<span class="badge ok">${texts.live}</span>`;
  }

  #clock(node: NodeInfo): TemplateResult | typeof nothing {
    const problem = clockProblem(node);
    return problem === undefined ? nothing : html`<span class="badge warn">${problem}</span>`;
  }

  #load(node: NodeInfo): TemplateResult {
    const full = fullness(node);
    return html`<ud-progress
      .label=${texts.loadOf(node.hostname)}
      .value=${full}
      .text=${texts.full(Math.round(full * 100))}
      .tone=${tone(full)}
    ></ud-progress>`;
  }

  #remove(node: NodeInfo): TemplateResult | typeof nothing {
    if (node.lease_left_ms > 0) return nothing;
    return html`<button class="button small" type="button" @click=${() => this.dispatchEvent(new RemoveEvent(node))}>
      ${texts.remove}
    </button>`;
  }
}

function share(used: number, limit: number | undefined): string {
  return limit === undefined ? count(used) : texts.of(count(used), count(limit));
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-node-table': NodeTable;
  }
}

// <ud-operations .server .people own>: nodes, streams, capacity, accounts and stream keys, with the operator's actions.
// Polls the main server while visible; sends `session-over` when it requires a new sign-in.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import type { MainServer } from '../../api/client';
import type { People } from '../../api/people';
import { Poll } from '../../api/poll';
import { isSignedOut, refusalText } from '../../people/problems';
import type { NodeInfo, Scaling } from '../../protocol/node';
import type { StreamInfo } from '../../protocol/stream';
import { strings } from '../../strings';
import { Asking, SessionOverEvent } from '../asking';
import { count, rate, viewers } from '../format';
import '../notice';
import '../people/stream-keys';
import '../progress';
import { base } from '../styles';
import { figures, surfaces } from '../surfaces';
import type { SelectEvent } from '../tabs';
import '../tabs';
import './accounts';
import { advice } from './figures';
import type { RemoveEvent } from './node-table';
import './node-table';
import type { EndStreamEvent } from './stream-table';
import './stream-table';

const texts = strings.admin;

/** Interval of polls while the page is visible. */
const LOOK_MS = 2_000;

/** The displayed data. */
interface Overview {
  nodes: readonly NodeInfo[];
  streams: readonly StreamInfo[];
  scaling: Scaling;
}

@customElement('ud-operations')
export class Operations extends LitElement {
  @property({ attribute: false }) declare server: Pick<
    MainServer,
    'nodes' | 'scaling' | 'allStreams' | 'endStream' | 'removeNode'
  >;
  @property({ attribute: false }) declare people: People;
  /** The name of the operator's own account. */
  @property() own = '';
  @state() private overview: Overview | undefined;
  @state() private problem = '';
  @state() private section = 'nodes';
  readonly #asking = new Asking(this, () => this.#look());
  #poll: Poll | undefined;

  static override styles = [
    base,
    surfaces,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--ud-space-4);
      }
      summary {
        min-height: 32px;
        color: var(--ud-muted);
        font-size: var(--ud-text-s);
        cursor: pointer;
      }
      ud-tabs {
        margin-top: var(--ud-space-2);
      }
    `,
  ];

  override firstUpdated(): void {
    this.#poll = new Poll(LOOK_MS, () => this.#look());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#poll?.stop();
  }

  override render(): TemplateResult {
    const stale = html`<ud-notice kind="warn" heading=${texts.stale} advice=${this.problem}></ud-notice>`;
    return html`${this.problem === '' ? nothing : stale}
    ${this.overview ? this.#sections(this.overview) : html`<ud-progress label=${texts.loading}></ud-progress>`}
    ${this.#asking.dialog()}`;
  }

  #sections({ nodes, streams, scaling }: Overview): TemplateResult {
    return html`${totals(nodes, streams)} ${capacity(scaling)}
      <ud-tabs
        .label=${texts.sections}
        .tabs=${[
          { name: 'nodes', label: texts.nodesTab(nodes.length) },
          { name: 'streams', label: texts.streamsTab(streams.length) },
          { name: 'accounts', label: strings.people.accounts.tab },
          { name: 'keys', label: strings.people.keys.tab },
        ]}
        .selected=${this.section}
        @ud-select=${({ selected }: SelectEvent) => (this.section = selected)}
      >
        <ud-node-table
          slot="nodes"
          .nodes=${nodes}
          .mayGo=${scaling.may_go}
          @remove=${({ node }: RemoveEvent) => this.#remove(node)}
        ></ud-node-table>
        <ud-stream-table
          slot="streams"
          .streams=${streams}
          @end-stream=${({ streamId }: EndStreamEvent) => this.#end(streamId)}
        ></ud-stream-table>
        ${this.#peopleSection()}
      </ud-tabs>`;
  }

  /** Creates these sections only when they are opened. */
  #peopleSection(): TemplateResult | typeof nothing {
    if (this.section === 'accounts') {
      return html`<ud-accounts slot="accounts" .people=${this.people} own=${this.own}></ud-accounts>`;
    }
    if (this.section !== 'keys') return nothing;
    return html`<ud-stream-keys slot="keys" .people=${this.people} owners></ud-stream-keys>`;
  }

  async #look(): Promise<void> {
    try {
      const [nodes, scaling, streams] = await Promise.all([
        this.server.nodes(),
        this.server.scaling(),
        this.server.allStreams(),
      ]);
      Object.assign(this, { overview: { nodes, scaling, streams }, problem: '' });
    } catch (error) {
      this.problem = refusalText(error);
      if (isSignedOut(error)) this.dispatchEvent(new SessionOverEvent());
      throw error;
    }
  }

  #end(id: string): void {
    const stream = this.overview?.streams.find(({ stream_id }) => stream_id === id);
    const title = stream?.title ?? id;
    this.#asking.ask({
      heading: texts.streams.endHeading(title),
      advice: texts.streams.endAdvice(stream && viewers(stream.viewers)),
      action: texts.streams.endAction,
      done: texts.streams.ended(title),
      act: () => this.server.endStream(id),
    });
  }

  #remove({ node_id, hostname }: NodeInfo): void {
    this.#asking.ask({
      heading: texts.nodes.removeHeading(hostname),
      advice: texts.nodes.removeAdvice,
      action: texts.nodes.remove,
      done: texts.nodes.removed(hostname),
      act: () => this.server.removeNode(node_id),
    });
  }
}

function totals(nodes: readonly NodeInfo[], streams: readonly StreamInfo[]): TemplateResult {
  const running = nodes.filter(({ lease_left_ms }) => lease_left_ms > 0);
  const sum = (of: (node: NodeInfo) => number): number => running.reduce((total, node) => total + of(node), 0);
  return figures([
    [texts.figures.nodes, count(running.length)],
    [texts.figures.streams, count(streams.length)],
    [texts.figures.viewers, count(sum(({ load }) => load.viewers))],
    [texts.figures.sends, rate(sum(({ load }) => load.egress_bytes_per_s))],
  ]);
}

function capacity(scaling: Scaling): TemplateResult {
  const { kind, heading, advice: sentence } = advice(scaling);
  return html`<ud-notice kind=${kind} heading=${heading} advice=${sentence}>
    <details>
      <summary>${texts.capacity.why}</summary>
      <p class="hint">${scaling.reason}</p>
    </details>
  </ud-notice>`;
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-operations': Operations;
  }
}

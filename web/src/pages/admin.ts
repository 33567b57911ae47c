// The operator's page, /admin: nodes, streams and capacity, and what can be done about them. It asks for the cluster secret and
// holds it in memory alone: a reload, or signing out, forgets it.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import { MainServer } from '../api/client';
import { Poll } from '../api/poll';
import { CallError } from '../protocol/error';
import type { NodeInfo, Scaling } from '../protocol/node';
import type { StreamInfo } from '../protocol/stream';
import { strings } from '../strings';
import { advice } from '../ui/admin/figures';
import type { RemoveEvent } from '../ui/admin/node-table';
import '../ui/admin/node-table';
import type { EndStreamEvent } from '../ui/admin/stream-table';
import '../ui/admin/stream-table';
import type { Confirm } from '../ui/confirm';
import '../ui/confirm';
import { fields, textField } from '../ui/fields';
import { count, rate, viewers } from '../ui/format';
import '../ui/notice';
import '../ui/progress';
import '../ui/shell';
import { base, buttons } from '../ui/styles';
import { surfaces } from '../ui/surfaces';
import type { SelectEvent } from '../ui/tabs';
import '../ui/tabs';
import { toast } from '../ui/toasts';

const texts = strings.admin;

/** How often the main server is asked while the page is seen. */
const LOOK_MS = 2_000;

/** What the page shows. */
interface Overview {
  nodes: readonly NodeInfo[];
  streams: readonly StreamInfo[];
  scaling: Scaling;
}

/** What is asked before it is done. */
interface Question {
  heading: string;
  advice: string;
  action: string;
  /** What a toast says afterwards. */
  done: string;
  act: (secret: string) => Promise<void>;
}

@customElement('ud-admin-page')
export class AdminPage extends LitElement {
  @state() private overview: Overview | undefined;
  @state() private problem = '';
  @state() private secret = '';
  @state() private signedIn = false;
  @state() private section = 'nodes';
  @state() private question: Question | undefined;
  @query('ud-confirm') declare private confirm: Confirm;
  readonly #server = new MainServer();
  #poll: Poll | undefined;

  static override styles = [
    base,
    buttons,
    fields,
    surfaces,
    css`
      .top {
        display: flex;
        align-items: center;
        justify-content: space-between;
        gap: var(--ud-space-4);
        margin: clamp(4px, 2vw, 24px) 0 var(--ud-space-4);
      }
      h1 {
        font-size: var(--ud-text-2xl);
        letter-spacing: -0.03em;
      }
      h2 {
        font-size: var(--ud-text-xl);
      }
      .signing {
        max-width: 440px;
        margin: clamp(8px, 5vw, 64px) auto;
      }
      .overview {
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

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#poll?.stop();
  }

  override render(): TemplateResult {
    return html`<ud-shell>
      ${this.signedIn ? this.#page() : this.#signIn()}
      <ud-confirm
        heading=${this.question?.heading ?? ''}
        advice=${this.question?.advice ?? ''}
        action=${this.question?.action ?? ''}
        @confirm=${() => void this.#act()}
      ></ud-confirm>
    </ud-shell>`;
  }

  #signIn(): TemplateResult {
    const { signIn } = texts;
    return html`<form class="card signing" @submit=${this.#enter}>
      <div>
        <h1>${signIn.heading}</h1>
        <p class="hint">${signIn.advice}</p>
      </div>
      ${textField({
        id: 'secret',
        label: signIn.secret,
        hint: signIn.hint,
        type: 'password',
        value: this.secret,
        required: true,
        error: this.problem,
        changed: (value) => (this.secret = value),
      })}
      <button class="button primary">${signIn.submit}</button>
    </form>`;
  }

  #page(): TemplateResult {
    return html`<div class="top">
        <h1>${texts.heading}</h1>
        <button class="button small" type="button" @click=${() => this.#signOut('')}>${texts.signOut}</button>
      </div>
      ${this.overview ? this.#overview(this.overview) : html`<ud-progress label=${texts.loading}></ud-progress>`}`;
  }

  #overview({ nodes, streams, scaling }: Overview): TemplateResult {
    return html`<div class="overview">
      ${
        this.problem === ''
          ? nothing
          : html`<ud-notice kind="warn" heading=${texts.stale} advice=${this.problem}></ud-notice>`
      }
      ${this.#figures(nodes, streams)} ${this.#capacity(scaling)}
      <ud-tabs
        .label=${texts.sections}
        .tabs=${[
          { name: 'nodes', label: texts.nodesTab(nodes.length) },
          { name: 'streams', label: texts.streamsTab(streams.length) },
        ]}
        .selected=${this.section}
        @select=${({ selected }: SelectEvent) => (this.section = selected)}
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
      </ud-tabs>
    </div>`;
  }

  #figures(nodes: readonly NodeInfo[], streams: readonly StreamInfo[]): TemplateResult {
    const running = nodes.filter(({ lease_left_ms }) => lease_left_ms > 0);
    const sum = (of: (node: NodeInfo) => number): number => running.reduce((total, node) => total + of(node), 0);
    const figures = [
      [texts.figures.nodes, count(running.length)],
      [texts.figures.streams, count(streams.length)],
      [texts.figures.viewers, count(sum(({ load }) => load.viewers))],
      [texts.figures.sends, rate(sum(({ load }) => load.egress_bytes_per_s))],
    ];
    return html`<dl class="figures">
      ${figures.map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>`;
  }

  #capacity(scaling: Scaling): TemplateResult {
    const { kind, heading, advice: sentence } = advice(scaling);
    return html`<ud-notice kind=${kind} heading=${heading} advice=${sentence}>
      <details>
        <summary>${texts.capacity.why}</summary>
        <p class="hint">${scaling.reason}</p>
      </details>
    </ud-notice>`;
  }

  #enter(event: Event): void {
    event.preventDefault();
    const secret = this.secret.trim();
    this.problem = '';
    this.#poll?.stop();
    this.#poll = new Poll(LOOK_MS, () => this.#look(secret));
  }

  #signOut(problem: string): void {
    this.#poll?.stop();
    if (problem === '') toast(texts.signedOut);
    Object.assign(this, { overview: undefined, signedIn: false, problem, secret: '' });
  }

  async #look(secret: string): Promise<void> {
    try {
      const [nodes, scaling, streams] = await Promise.all([
        this.#server.nodes(secret),
        this.#server.scaling(secret),
        this.#server.streams(),
      ]);
      if (secret !== this.secret.trim()) return;
      Object.assign(this, { overview: { nodes, scaling, streams }, signedIn: true, problem: '' });
    } catch (error) {
      this.problem = words(error);
      if (error instanceof CallError && error.code === 'unauthorized') this.#signOut(this.problem);
      else if (!this.signedIn) this.#poll?.stop();
      throw error;
    }
  }

  #ask(question: Question): void {
    this.question = question;
    void this.updateComplete.then(() => this.confirm.ask());
  }

  async #act(): Promise<void> {
    const { question } = this;
    if (question === undefined) return;
    const secret = this.secret.trim();
    try {
      await question.act(secret);
      toast(question.done);
      await this.#look(secret);
    } catch (error) {
      toast(words(error), 'error');
    }
  }

  #end(id: string): void {
    const stream = this.overview?.streams.find(({ stream_id }) => stream_id === id);
    const title = stream?.title ?? id;
    this.#ask({
      heading: texts.streams.endHeading(title),
      advice: texts.streams.endAdvice(stream && viewers(stream.viewers)),
      action: texts.streams.endAction,
      done: texts.streams.ended(title),
      act: (secret) => this.#server.endStream(id, secret),
    });
  }

  #remove({ node_id, hostname }: NodeInfo): void {
    this.#ask({
      heading: texts.nodes.removeHeading(hostname),
      advice: texts.nodes.removeAdvice,
      action: texts.nodes.remove,
      done: texts.nodes.removed(hostname),
      act: (secret) => this.#server.removeNode(node_id, secret),
    });
  }
}

function words(error: unknown): string {
  if (!(error instanceof CallError)) return texts.somethingWrong;
  switch (error.code) {
    case 'unauthorized':
      return texts.signIn.wrong;
    case 'unknown_stream':
      return texts.streams.unknown;
    default:
      return error.message;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-admin-page': AdminPage;
  }
}

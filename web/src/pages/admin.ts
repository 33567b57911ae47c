// The operator's page, /admin: which nodes there are, how loaded they are, and how many the load wants. It asks for the
// cluster secret and holds it in memory alone: a reload forgets it.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { MainServer } from '../api/client';
import { Poll } from '../api/poll';
import { CallError } from '../protocol/error';
import type { NodeInfo, Scaling } from '../protocol/node';
import { fields } from '../ui/fields';
import { count, rate, share } from '../ui/format';
import '../ui/notice';
import '../ui/shell';
import { base, buttons } from '../ui/styles';

/** How often the main server is asked while the page is seen. */
const LOOK_MS = 2_000;

@customElement('ud-admin-page')
export class AdminPage extends LitElement {
  @state() private nodes: readonly NodeInfo[] | undefined;
  @state() private scaling: Scaling | undefined;
  @state() private problem = '';
  @query('input') declare private input: HTMLInputElement;
  readonly #server = new MainServer();
  #poll: Poll | undefined;

  static override styles = [
    base,
    buttons,
    fields,
    css`
      h1 {
        margin: clamp(12px, 3vw, 32px) 0 16px;
        font-size: clamp(1.875rem, 4.5vw, 2.625rem);
        letter-spacing: -0.035em;
      }
      form {
        display: grid;
        gap: 14px;
        max-width: 440px;
      }
      ud-notice {
        margin-bottom: 16px;
      }
      .scroll {
        margin-top: 20px;
        overflow-x: auto;
      }
      table {
        width: 100%;
        border-collapse: collapse;
        font-variant-numeric: tabular-nums;
      }
      th,
      td {
        padding: 10px 16px 10px 0;
        border-bottom: 1px solid var(--ud-line);
        text-align: left;
        white-space: nowrap;
      }
      th,
      .hint {
        color: var(--ud-muted);
        font-size: 0.875rem;
      }
      .gone {
        color: var(--ud-live);
      }
    `,
  ];

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#poll?.stop();
  }

  override render(): TemplateResult {
    return html`<ud-shell>
      <h1>Nodes</h1>
      ${this.problem === '' ? nothing : html`<ud-notice kind="error" heading=${this.problem}></ud-notice>`}
      ${this.nodes === undefined ? this.#question() : this.#overview(this.nodes)}
    </ud-shell>`;
  }

  #question(): TemplateResult {
    return html`<form @submit=${this.#enter}>
      <div class="field">
        <label for="secret">Cluster secret</label>
        <input id="secret" type="password" autocomplete="off" required />
        <span class="hint">It is in the file cluster-secret in the main server's data folder.</span>
      </div>
      <div><button class="button primary">Show nodes</button></div>
    </form>`;
  }

  #overview(nodes: readonly NodeInfo[]): TemplateResult {
    return html`<p>${this.scaling?.reason ?? nothing}</p>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              ${['Node', 'State', 'Streams', 'Viewers', 'Sends', 'Processors', 'Skips'].map(
                (name) => html`<th scope="col">${name}</th>`,
              )}
            </tr>
          </thead>
          <tbody>
            ${repeat(
              nodes,
              (node) => node.node_id,
              (node) => this.#row(node),
            )}
          </tbody>
        </table>
      </div>`;
  }

  #row({ hostname, public_url, region, capacity, streams, load, lease_left_ms }: NodeInfo): TemplateResult {
    return html`<tr>
      <td>
        ${hostname}
        <div class="hint">${public_url}${region === undefined ? nothing : html` · ${region}`}</div>
      </td>
      <td>${lease_left_ms > 0 ? this.#wish(hostname) : html`<span class="gone">gone</span>`}</td>
      <td>${share(streams, capacity.streams)}</td>
      <td>${share(load.viewers, capacity.viewers)}</td>
      <td>${rate(load.egress_bytes_per_s)}</td>
      <td>${Math.round(load.cpu_permille / 10)} %</td>
      <td>${count(load.skips)}</td>
    </tr>`;
  }

  #wish(hostname: string): string {
    return this.scaling?.may_go.includes(hostname) ? 'may go' : 'live';
  }

  #enter(event: Event): void {
    event.preventDefault();
    const secret = this.input.value.trim();
    this.#poll?.stop();
    this.#poll = new Poll(LOOK_MS, () => this.#look(secret));
  }

  async #look(secret: string): Promise<void> {
    try {
      [this.nodes, this.scaling] = await Promise.all([this.#server.nodes(secret), this.#server.scaling(secret)]);
      this.problem = '';
    } catch (error) {
      this.problem = problem(error);
      // What was asked for with a wrong secret is asked for anew by hand.
      if (this.nodes === undefined) this.#poll?.stop();
      throw error;
    }
  }
}

function problem(error: unknown): string {
  if (!(error instanceof CallError)) return 'Something went wrong';
  return error.code === 'unauthorized' ? 'That is not the cluster secret' : error.message;
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-admin-page': AdminPage;
  }
}

// <ud-stream-keys .people owners?>: creates stream keys, shows each once, lists and revokes them; cards on phones.
// `owners` adds the owner of each.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import type { People } from '../../api/people';
import { serverTime } from '../../api/server-time';
import type { StreamKeyInfo, StreamKeyMade } from '../../protocol/account';
import { strings } from '../../strings';
import { Asking } from '../asking';
import '../copy-link';
import { fields, textField } from '../fields';
import { ago } from '../format';
import '../notice';
import '../progress';
import { base, block, buttons } from '../styles';
import { surfaces } from '../surfaces';
import { table, tables } from '../table';
import { Loading } from './loading';
import { Submission } from './submission';

const texts = strings.people.keys;

/** Most characters of a key's name. */
const MAX_NAME_CHARS = 120;

@customElement('ud-stream-keys')
export class StreamKeys extends LitElement {
  @property({ attribute: false }) declare people: Pick<People, 'streamKeys' | 'makeStreamKey' | 'revokeStreamKey'>;
  @property({ type: Boolean }) owners = false;
  @state() private name = '';
  @state() private made: StreamKeyMade | undefined;
  readonly #keys = new Loading(this, () => this.people.streamKeys());
  readonly #submission = new Submission(this);
  readonly #asking = new Asking(this, () => this.#keys.load());

  static override styles = [
    base,
    block,
    buttons,
    fields,
    surfaces,
    tables,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--ud-space-5);
      }
      form {
        display: grid;
        grid-template-columns: minmax(0, 26rem) max-content;
        align-items: start;
        gap: var(--ud-space-3);
      }
      form .button {
        margin-top: 27px;
      }
      ud-copy-link {
        width: 100%;
        max-width: 34rem;
      }
      @media (max-width: 560px) {
        form {
          grid-template-columns: minmax(0, 1fr);
        }
        form .button {
          margin-top: 0;
        }
      }
    `,
  ];

  override render(): TemplateResult {
    return html`<p class="hint">${texts.advice}</p>
      <form @submit=${this.#submit}>
        ${textField({
          id: 'name',
          label: texts.name,
          hint: texts.nameHint,
          value: this.name,
          maxLength: MAX_NAME_CHARS,
          required: true,
          error: this.#submission.problem,
          changed: (value) => (this.name = value),
        })}
        <button class="button primary" ?disabled=${this.#submission.busy}>${texts.make}</button>
      </form>
      ${this.made ? ready(this.made) : nothing} ${this.#list()} ${this.#asking.dialog()}`;
  }

  #list(): TemplateResult {
    const { value: keys, problem } = this.#keys;
    if (problem !== '') return html`<ud-notice kind="warn" heading=${problem}></ud-notice>`;
    if (keys === undefined) return html`<ud-progress label=${strings.admin.loading}></ud-progress>`;
    if (keys.length === 0) {
      return html`<div class="empty">
        <h3>${texts.empty}</h3>
        <p>${texts.emptyAdvice}</p>
      </div>`;
    }
    return table({
      columns: [texts.key, ...(this.owners ? [texts.owner] : []), texts.made, texts.used],
      actions: texts.action,
      rows: keys,
      key: ({ key_id }) => key_id,
      row: (key) => this.#row(key),
    });
  }

  #row(key: StreamKeyInfo): TemplateResult {
    const { name, owner, created_at_ms, last_used_at_ms } = key;
    const nowMs = serverTime.nowMs();
    const used = last_used_at_ms === undefined ? texts.never : ago(nowMs - last_used_at_ms);
    const whose = html`<td role="cell" data-label=${texts.owner}>${owner}</td>`;
    return html`<tr role="row">
      <th scope="row" role="rowheader" dir="auto">${name}</th>
      ${this.owners ? whose : nothing}
      <td role="cell" data-label=${texts.made}>${ago(nowMs - created_at_ms)}</td>
      <td role="cell" data-label=${texts.used}>${used}</td>
      <td role="cell" class="end">
        <button
          class="button small danger"
          type="button"
          aria-label=${texts.revokeKey(name)}
          @click=${() => this.#revoke(key)}
        >
          ${texts.revoke}
        </button>
      </td>
    </tr>`;
  }

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void this.#make();
  };

  async #make(): Promise<void> {
    const name = this.name.trim();
    const worked = await this.#submission.run(async () => {
      this.made = await this.people.makeStreamKey(name);
    });
    if (!worked) return;
    this.name = '';
    await this.#keys.load();
  }

  #revoke({ key_id, name }: StreamKeyInfo): void {
    this.#asking.ask({
      heading: texts.revokeHeading(name),
      advice: texts.revokeAdvice,
      action: texts.revoke,
      done: texts.revoked(name),
      act: async () => {
        await this.people.revokeStreamKey(key_id);
        if (this.made?.key_id === key_id) this.made = undefined;
      },
    });
  }
}

function ready({ name, key }: StreamKeyMade): TemplateResult {
  return html`<ud-notice kind="info" heading=${texts.ready(name)} advice=${texts.once}>
    <ud-copy-link what="key" .url=${key}></ud-copy-link>
  </ud-notice>`;
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-stream-keys': StreamKeys;
  }
}

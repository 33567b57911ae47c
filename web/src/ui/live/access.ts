// <ud-live-access .access>: asks for a stream key or a sign-in if going live requires one. The address never contains
// the key.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import type { Access } from '../../people/access';
import { strings } from '../../strings';
import { fields, textField } from '../fields';
import { Submission } from '../people/submission';
import '../people/sign-in';
import { base, block, buttons } from '../styles';
import type { SelectEvent } from '../tabs';
import '../tabs';

const texts = strings.live.access;

@customElement('ud-live-access')
export class LiveAccess extends LitElement {
  @property({ attribute: false }) declare access: Access;
  @state() private way: 'key' | 'account' | undefined;
  @state() private key = '';
  @state() private keep = false;
  readonly #submission = new Submission(this);

  static override styles = [
    base,
    block,
    buttons,
    fields,
    css`
      form {
        display: grid;
        gap: var(--ud-space-4);
      }
    `,
  ];

  override render(): TemplateResult {
    const { policy } = this.access;
    const way = this.way ?? (policy === 'account' ? 'account' : 'key');
    const tabs = [
      { name: 'key', label: texts.keyTab },
      { name: 'account', label: texts.accountTab },
    ];
    return html`<ud-tabs
      .label=${texts.ways}
      .tabs=${policy === 'account' ? tabs.toReversed() : tabs}
      .selected=${way}
      @ud-select=${({ selected }: SelectEvent) => (this.way = selected === 'key' ? 'key' : 'account')}
    >
      ${way === 'key' ? this.#keyForm() : this.#signIn()}
    </ud-tabs>`;
  }

  #keyForm(): TemplateResult {
    const { busy, problem } = this.#submission;
    return html`<form slot="key" @submit=${this.#submit}>
      ${textField({
        id: 'key',
        label: texts.key,
        hint: texts.keyHint,
        type: 'password',
        required: true,
        value: this.key,
        error: problem,
        changed: (value) => (this.key = value),
      })}
      <label class="check">
        <input
          type="checkbox"
          .checked=${this.keep}
          @change=${(event: Event) => (this.keep = (event.target as HTMLInputElement).checked)}
        />
        ${texts.keep}
      </label>
      <button class="button primary" ?disabled=${busy}>${busy ? texts.checking : texts.continue}</button>
    </form>`;
  }

  #signIn(): TemplateResult | typeof nothing {
    return html`<ud-sign-in
      slot="account"
      .enter=${(name: string, password: string) => this.access.signIn(name, password)}
    ></ud-sign-in>`;
  }

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void this.#submission.run(() => this.access.useKey(this.key.trim(), this.keep));
  };
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-live-access': LiveAccess;
  }
}

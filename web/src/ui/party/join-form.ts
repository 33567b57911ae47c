// <ud-party-join .state .join account>: a description of a party for non-members, and the form to join it. Of a private
// party nothing is known. If it needs an account, which a private one reveals only on joining, the slot `sign-in` is
// shown.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { site } from '../../browser/site';
import { CallError } from '../../protocol/error';
import { MAX_NAME_CHARS, type PartyState } from '../../protocol/party';
import { cleanTitle } from '../../protocol/title';
import { strings } from '../../strings';
import { fields, textField } from '../fields';
import { Submission } from '../people/submission';
import { base, block, buttons } from '../styles';
import './art';
import { refusal } from './refusals';

const texts = strings.parties.join;

@customElement('ud-party-join')
export class JoinForm extends LitElement {
  /** The party for non-members; undefined if it is private. */
  @property({ attribute: false }) state: PartyState | undefined;
  /** Joins; throws a CallError if the party refuses. */
  @property({ attribute: false }) declare join: (name: string) => Promise<void>;
  /** The name of the signed-in account. */
  @property() account: string | undefined;
  /** The person's last name in a party. */
  @property() name = '';
  @state() private isWrong = false;
  /** Whether the party refused a guest. */
  @state() private wantsAccount = false;
  readonly #submission = new Submission(this);

  static override styles = [
    base,
    block,
    buttons,
    fields,
    css`
      :host {
        max-width: 30rem;
        margin: clamp(8px, 5vh, 56px) auto 0;
      }
      .card {
        overflow: hidden;
        border: 1px solid var(--ud-line);
        border-radius: var(--ud-radius-large);
        background: var(--ud-surface);
        box-shadow: var(--ud-shadow-raised);
      }
      .banner {
        position: relative;
        isolation: isolate;
        display: grid;
        align-content: end;
        gap: 8px;
        min-height: 232px;
        padding: 24px;
        overflow: hidden;
        color: #fff;
      }
      .banner ud-art {
        position: absolute;
        inset: 0;
        z-index: -2;
        border-radius: 0;
      }
      .banner::before {
        content: '';
        position: absolute;
        inset: 0;
        z-index: -1;
        background: linear-gradient(rgb(6 10 9 / 0%) 10%, rgb(6 10 9 / 76%));
      }
      .eyebrow {
        font-size: var(--ud-text-s);
        font-weight: 600;
      }
      h1 {
        font-size: var(--ud-text-2xl);
        letter-spacing: -0.03em;
        overflow-wrap: anywhere;
      }
      .playing {
        display: flex;
        align-items: center;
        gap: 10px;
        overflow: hidden;
        font-size: var(--ud-text-s);
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      form,
      .rest {
        display: grid;
        gap: var(--ud-space-4);
        padding: 24px;
      }
      .button.quiet {
        justify-self: center;
        color: var(--ud-muted);
      }
    `,
  ];

  override render(): TemplateResult {
    const { state } = this;
    const wantsAccount = this.wantsAccount || state?.settings.needs_account === true;
    const needsAccount = wantsAccount && this.account === undefined;
    return html`<section class="card" aria-label=${texts.label}>
      ${this.#banner()}
      ${
        needsAccount
          ? html`<div class="rest">
              <p>${texts.needsAccount}</p>
              <slot name="sign-in"></slot>
            </div>`
          : this.#form()
      }
    </section>`;
  }

  #banner(): TemplateResult {
    const { state } = this;
    const entry = state?.timeline.entry;
    return html`<div class="banner">
      <ud-art plain seed=${entry?.hash ?? state?.party_id ?? ''} .poster=${entry?.poster_url}></ud-art>
      <span class="eyebrow">${texts.eyebrow}</span>
      <h1 dir="auto">${state?.title ?? texts.invited}</h1>
      ${
        entry === undefined
          ? nothing
          : html`<span class="playing" dir="auto">${strings.parties.card.playing(entry.title)}</span>`
      }
    </div>`;
  }

  #form(): TemplateResult {
    const { busy, problem } = this.#submission;
    const { account } = this;
    return html`<form @submit=${this.#submit} novalidate>
      ${
        account === undefined
          ? textField({
              id: 'name',
              label: texts.name,
              hint: texts.nameHint,
              value: this.name,
              maxLength: MAX_NAME_CHARS,
              autocomplete: 'nickname',
              error: this.isWrong ? strings.parties.create.nameNeeded : '',
              changed: (value) => (this.name = value),
            })
          : nothing
      }
      ${problem === '' ? nothing : html`<p class="error" role="alert">${problem}</p>`}
      <button class="button primary big" ?disabled=${busy}>
        ${busy ? texts.busy : account === undefined ? texts.submit : texts.submitAs(account)}
      </button>
      <a class="button quiet small" href=${site('/parties')}>${texts.leave}</a>
    </form>`;
  }

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const name = this.account ?? cleanTitle(this.name);
    this.isWrong = name === undefined;
    if (name !== undefined) void this.#submission.run(() => this.#join(name), refusal);
    else this.renderRoot.querySelector<HTMLElement>('#name')?.focus();
  };

  async #join(name: string): Promise<void> {
    try {
      await this.join(name);
    } catch (error) {
      this.wantsAccount = error instanceof CallError && error.code === 'unauthorized';
      throw error;
    }
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-party-join': JoinForm;
  }
}

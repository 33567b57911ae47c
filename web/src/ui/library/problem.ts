// <ud-item-problem .error .item>: why an item does not play, and what to do about it. For a private item it asks for
// the passphrase and sends it as `ud-passphrase`. `retry` requests another try.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { site } from '../../browser/site';
import type { CallError } from '../../protocol/error';
import type { Item } from '../../protocol/item';
import { strings } from '../../strings';
import { sentence } from '../../strings/sentence';
import { fields, textField } from '../fields';
import '../notice';
import '../progress';
import { base, block, buttons } from '../styles';
import { surfaces } from '../surfaces';

const { problems, locked } = strings.library;

/** A person enters a passphrase. */
export class PassphraseEvent extends Event {
  constructor(readonly passphrase: string) {
    super('ud-passphrase', { bubbles: true, composed: true });
  }
}

@customElement('ud-item-problem')
export class ItemProblem extends LitElement {
  @property({ attribute: false }) error: CallError | undefined;
  @property({ attribute: false }) item: Item | undefined;
  /** Whether a passphrase was sent already. */
  @property({ type: Boolean }) tried = false;
  @state() private passphrase = '';

  static override styles = [
    base,
    block,
    buttons,
    fields,
    surfaces,
    css`
      ud-notice + * {
        margin-top: 12px;
      }
      form {
        max-width: 27rem;
      }
    `,
  ];

  override render(): TemplateResult | typeof nothing {
    const { item, error } = this;
    if (item?.state === 'processing') return this.#processing(item);
    if (item?.state === 'failed') return this.#notice('error', failure(item));
    if (item?.deleted_until_ms !== undefined) return nothing;
    return html`${this.#endedEarly(item)} ${error === undefined ? nothing : this.#stopped(error)}`;
  }

  /** The notice of a recording or a file of which only a part can be played. */
  #endedEarly(item: Item | undefined): TemplateResult | typeof nothing {
    if (item?.error === undefined) return nothing;
    const texts = item.kind === 'recording' ? problems.endedEarly : problems.readInPart;
    return this.#notice('warn', { ...texts, advice: sentence(item.error) });
  }

  #stopped(error: CallError): TemplateResult {
    if (error.code === 'wrong_passphrase' || error.code === 'invitation_refused') return this.#locked();
    return this.#notice('error', this.#texts(error), error.code !== 'unknown_item');
  }

  #processing({ processed_percent: percent }: Item): TemplateResult {
    const { processing } = problems;
    return html`${this.#notice('info', processing)}
    ${
      percent === undefined
        ? nothing
        : html`<ud-progress label=${processing.heading} .value=${percent / 100}></ud-progress>`
    }`;
  }

  #texts({ code, reason }: CallError): { heading: string; advice: string } {
    if (reason === 'no_sound') return problems.no_sound;
    switch (code) {
      case 'unknown_item':
      case 'unsupported_media':
      case 'malformed_media':
      case 'no_node_available':
      case 'unreachable':
        return problems[code];
      case 'timeout':
        return problems.unreachable;
      default:
        return problems.other;
    }
  }

  #notice(
    kind: 'info' | 'warn' | 'error',
    { heading, advice }: { heading: string; advice: string },
    again = false,
  ): TemplateResult {
    return html`<ud-notice .kind=${kind} .heading=${heading} .advice=${advice}>
      ${
        again
          ? html`<button class="button small" type="button" @click=${() => this.dispatchEvent(new Event('retry'))}>
              ${problems.tryAgain}
            </button>`
          : nothing
      }
      ${
        kind === 'error' && !again
          ? html`<a class="button small" href=${site('/library')}>${problems.library}</a>`
          : nothing
      }
    </ud-notice>`;
  }

  #locked(): TemplateResult {
    const submit = (event: Event): void => {
      event.preventDefault();
      this.dispatchEvent(new PassphraseEvent(this.passphrase));
    };
    return html`<form class="card" @submit=${submit}>
      <div>
        <h2>${locked.heading}</h2>
        <p class="hint">${locked.advice}</p>
      </div>
      ${textField({
        id: 'passphrase',
        label: locked.passphrase,
        type: 'password',
        required: true,
        error: this.tried ? locked.wrong : '',
        changed: (value) => (this.passphrase = value),
      })}
      <button class="button primary">${locked.play}</button>
    </form>`;
  }
}

/** The reason that there is nothing to play. */
function failure({ kind, error }: Item): { heading: string; advice: string } {
  const texts = kind === 'recording' ? problems.recordingFailed : problems.failed;
  return { ...texts, advice: error === undefined ? texts.advice : sentence(error) };
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-item-problem': ItemProblem;
  }
  interface HTMLElementEventMap {
    'ud-passphrase': PassphraseEvent;
  }
}

// <ud-people-list .names .people>: a list of accounts, to which more are added by the beginning of their names. Sends
// `ud-people` with the whole new list.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import type { Parties } from '../../party/api';
import { isSignedOut } from '../../people/problems';
import { strings } from '../../strings';
import { fields } from '../fields';
import { closeIcon, plusIcon } from '../icons';
import { base, block, buttons } from '../styles';
import './avatar';
import { hueOfText } from './hues';
import { refusal } from './refusals';

const texts = strings.party.invite;
/** The server is asked after a pause in typing of this length. */
const TYPING_MS = 200;
/** The server finds nothing for fewer characters. */
const LEAST_CHARS = 2;

/** The lookup of accounts. */
export type PeopleSource = Pick<Parties, 'people'>;

/** The list changed to `names`. */
export class PeopleEvent extends Event {
  constructor(readonly names: readonly string[]) {
    super('ud-people', { bubbles: true, composed: true });
  }
}

@customElement('ud-people-list')
export class PeopleList extends LitElement {
  @property({ attribute: false }) names: readonly string[] = [];
  @property({ attribute: false }) declare people: PeopleSource;
  @state() private q = '';
  @state() private found: readonly string[] | undefined;
  @state() private problem = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking = new AbortController();

  static override styles = [
    base,
    block,
    buttons,
    fields,
    css`
      ul {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
        margin: 0 0 12px;
        padding: 0;
        list-style: none;
      }
      ul:empty {
        display: none;
      }
      .person {
        display: inline-flex;
        align-items: center;
        gap: 8px;
        min-height: 40px;
        padding: 0 2px 0 6px;
        border-radius: var(--ud-radius-pill);
        background: var(--ud-surface-2);
        font-size: var(--ud-text-s);
        font-weight: 600;
      }
      .person ud-avatar {
        --size: 28px;
      }
      .person .button {
        min-height: 36px;
        width: 36px;
      }
      .person .button svg {
        width: 16px;
      }
      .found {
        display: grid;
        gap: 2px;
        margin: 6px 0 0;
      }
      .found .button {
        justify-content: flex-start;
        width: 100%;
        border-color: transparent;
        background: none;
      }
      .hint {
        margin-top: 6px;
      }
    `,
  ];

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
    this.#asking.abort();
  }

  override render(): TemplateResult {
    return html`<ul>
        ${this.names.map(
          (name) =>
            html`<li class="person">
              <ud-avatar name=${name} hue=${hueOfText(name)}></ud-avatar><span dir="auto">${name}</span>
              <button
                class="button quiet icon"
                type="button"
                aria-label=${texts.removePerson(name)}
                title=${texts.removePerson(name)}
                @click=${() => this.#tell(this.names.filter((other) => other !== name))}
              >
                ${closeIcon}
              </button>
            </li>`,
        )}
      </ul>
      <div class="field">
        <label for="find">${texts.find}</label>
        <input
          id="find"
          type="text"
          placeholder=${texts.findPlaceholder}
          autocomplete="off"
          autocapitalize="off"
          spellcheck="false"
          maxlength="64"
          .value=${this.q}
          @input=${(event: Event) => this.#typed((event.target as HTMLInputElement).value)}
        />
      </div>
      <div role="status">${this.#matches()}</div>`;
  }

  #matches(): TemplateResult | typeof nothing {
    if (this.problem !== '') return html`<p class="hint">${this.problem}</p>`;
    if (this.found === undefined) return nothing;
    const found = this.found.filter((name) => !this.names.includes(name));
    if (found.length === 0) return html`<p class="hint">${texts.noOne}</p>`;
    return html`<div class="found">
      ${found.map(
        (name) =>
          html`<button class="button" type="button" aria-label=${texts.addPerson(name)} @click=${() => this.#add(name)}>
            ${plusIcon} <span dir="auto">${name}</span>
          </button>`,
      )}
    </div>`;
  }

  #add(name: string): void {
    this.q = '';
    this.found = undefined;
    this.#tell([...this.names, name]);
  }

  #tell(names: readonly string[]): void {
    this.dispatchEvent(new PeopleEvent(names));
  }

  #typed(q: string): void {
    this.q = q;
    clearTimeout(this.#timer);
    this.#asking.abort();
    this.found = undefined;
    this.problem = '';
    if (q.trim().length >= LEAST_CHARS) this.#timer = setTimeout(() => void this.#ask(q.trim()), TYPING_MS);
  }

  async #ask(q: string): Promise<void> {
    const { signal } = (this.#asking = new AbortController());
    try {
      this.found = await this.people.people(q, signal);
    } catch (problem) {
      if (!signal.aborted) this.problem = isSignedOut(problem) ? texts.signInFirst : refusal(problem);
    }
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-people-list': PeopleList;
  }
  interface HTMLElementEventMap {
    'ud-people': PeopleEvent;
  }
}

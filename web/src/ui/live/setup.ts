// <ud-live-setup>: the choices before going live. Sends `settings` on every change, and `go-live`.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import type { RecordPolicy } from '../../protocol/account';
import type { Visibility } from '../../protocol/stream';
import { MAX_TITLE_CHARS } from '../../protocol/title';
import { QUALITIES } from '../../publish/broadcast';
import { DEFAULT_TITLE, type Settings } from '../../publish/settings';
import { sizeText } from '../../publish/size';
import { strings } from '../../strings';
import { fields, textField } from '../fields';
import { broadcastIcon } from '../icons';
import { base, buttons } from '../styles';

const texts = strings.live.setup;
const VISIBILITIES: readonly Visibility[] = ['public', 'unlisted', 'private'];

/** The choices changed. */
export class SettingsEvent extends Event {
  constructor(readonly settings: Settings) {
    super('settings', { bubbles: true, composed: true });
  }
}

/** The person wants to go live, with the passphrase if it is not empty. */
export class GoLiveEvent extends Event {
  constructor(readonly passphrase: string) {
    super('go-live', { bubbles: true, composed: true });
  }
}

@customElement('ud-live-setup')
export class LiveSetup extends LitElement {
  @property({ attribute: false }) declare settings: Settings;
  /** Whether a source is chosen; if not, going live begins with choosing one. */
  @property({ type: Boolean }) ready = false;
  @property({ type: Boolean }) busy = false;
  /** Whether this device can share its screen; if not, going live begins with the camera. */
  @property({ type: Boolean }) screens = true;
  /** Whether this browser can share nothing at all. */
  @property({ type: Boolean }) blocked = false;
  /** Whether the main action of the page is elsewhere. */
  @property({ type: Boolean }) secondary = false;
  /** Whether streams are recorded here. */
  @property() record: RecordPolicy = 'off';
  @state() private passphrase = '';

  static override styles = [
    base,
    buttons,
    fields,
    css`
      form {
        display: grid;
        gap: 18px;
      }
      summary {
        padding: 4px 0;
        color: var(--ud-muted);
        font-size: var(--ud-text-s);
        font-weight: 600;
        cursor: pointer;
      }
      details fieldset {
        padding-top: 12px;
      }
      .audience .field {
        margin-top: var(--ud-space-3);
      }
      .check {
        margin-block: -6px;
      }
    `,
  ];

  override render(): TemplateResult {
    const { title, microphone } = this.settings;
    return html`<form @submit=${this.#goLive}>
      ${textField({
        id: 'title',
        label: texts.title,
        value: title,
        maxLength: MAX_TITLE_CHARS,
        placeholder: DEFAULT_TITLE,
        changed: (value) => this.#change({ title: value }),
      })}
      ${this.#check(texts.microphone, microphone, (on) => this.#change({ microphone: on }))} ${this.#recording()}
      ${this.#audience()} ${this.#quality()}
      <button class="button big ${this.secondary ? '' : 'primary'}" ?disabled=${this.busy || this.blocked}>
        ${broadcastIcon} ${this.busy ? texts.goingLive : texts.goLive}
      </button>
      ${
        this.ready || this.blocked
          ? nothing
          : html`<p class="hint">${this.screens ? texts.nextScreen : texts.nextCamera}</p>`
      }
    </form>`;
  }

  #recording(): TemplateResult | typeof nothing {
    if (this.record === 'ask') {
      return this.#check(texts.record, this.settings.record, (on) => this.#change({ record: on }));
    }
    return this.record === 'all' ? html`<p class="hint">${texts.recordsAll}</p>` : nothing;
  }

  #quality(): TemplateResult {
    return html`<details>
      <summary>${texts.qualityNow(this.settings.quality)}</summary>
      <fieldset>
        <legend class="visually-hidden">${texts.quality}</legend>
        <div class="choices">
          ${QUALITIES.map(
            ({ name, videoBitsPerSecond, size }) =>
              html`<label>
                <input
                  type="radio"
                  name="quality"
                  .checked=${name === this.settings.quality}
                  @change=${() => this.#change({ quality: name })}
                />
                <span>
                  <strong>${name}</strong>
                  <span class="hint">
                    ${texts.qualities[name]}. ${texts.qualityFigures(sizeText(size), videoBitsPerSecond / 1_000_000)}
                  </span>
                </span>
              </label>`,
          )}
        </div>
      </fieldset>
    </details>`;
  }

  #audience(): TemplateResult {
    const { visibility } = this.settings;
    return html`<fieldset class="audience">
      <legend>${texts.audience}</legend>
      <div class="choices">${VISIBILITIES.map((choice) => this.#visibility(choice))}</div>
      ${
        visibility === 'private'
          ? textField({
              id: 'passphrase',
              label: texts.passphrase,
              hint: texts.passphraseHint,
              type: 'password',
              autocomplete: 'new-password',
              value: this.passphrase,
              changed: (value) => (this.passphrase = value),
            })
          : nothing
      }
    </fieldset>`;
  }

  #visibility(choice: Visibility): TemplateResult {
    const { name, advice } = texts.audiences[choice];
    return html`<label>
      <input
        type="radio"
        name="visibility"
        .checked=${choice === this.settings.visibility}
        ?disabled=${this.blocked}
        @change=${() => this.#change({ visibility: choice })}
      />
      <span><strong>${name}</strong> <span class="hint">${advice}</span></span>
    </label>`;
  }

  #check(label: string, checked: boolean, changed: (on: boolean) => void): TemplateResult {
    return html`<label class="check">
      <input
        type="checkbox"
        .checked=${checked}
        ?disabled=${this.blocked}
        @change=${(event: Event) => changed((event.target as HTMLInputElement).checked)}
      />
      ${label}
    </label>`;
  }

  #change(change: Partial<Settings>): void {
    this.settings = { ...this.settings, ...change };
    this.dispatchEvent(new SettingsEvent(this.settings));
  }

  #goLive(event: SubmitEvent): void {
    event.preventDefault();
    this.dispatchEvent(new GoLiveEvent(this.settings.visibility === 'private' ? this.passphrase : ''));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-live-setup': LiveSetup;
  }
}

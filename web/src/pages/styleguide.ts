// The style guide, /styleguide: every token and every element in the current theme.

import { LitElement, html, type TemplateResult } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import type { StreamInfo } from '../protocol/stream';
import { strings } from '../strings';
import { badges, stateBadge, viewersBadge } from '../ui/badges';
import type { Confirm } from '../ui/confirm';
import '../ui/confirm';
import '../ui/copy-link';
import { fields, textField } from '../ui/fields';
import { appearanceIcon, broadcastIcon } from '../ui/icons';
import type { PickEvent } from '../ui/menu';
import '../ui/menu';
import '../ui/notice';
import '../ui/party/guide';
import '../ui/progress';
import '../ui/shell';
import '../ui/stream-card';
import { base, buttons } from '../ui/styles';
import { guideStyles } from '../ui/guide-styles';
import { surfaces } from '../ui/surfaces';
import { table, tables } from '../ui/table';
import type { SelectEvent } from '../ui/tabs';
import '../ui/tabs';
import { toast } from '../ui/toasts';

const texts = strings.styleguide;

const COLOURS = ['bg', 'surface', 'surface-2', 'line', 'line-strong', 'text', 'muted', 'accent', 'accent-soft'];
const SIGNALS = ['live', 'live-soft', 'warn', 'warn-soft', 'screen'];
const SIZES = ['display', '2xl', 'xl', 'l', 'm', 's', 'xs'];
const SPACES = [1, 2, 3, 4, 5, 6, 7, 8];
const SHAPES = ['radius-small', 'radius', 'radius-large', 'shadow', 'shadow-raised'];

const EXAMPLE: StreamInfo = {
  stream_id: '0'.repeat(32),
  title: texts.streamTitle,
  started_at_ms: Date.now() - 754_000,
  viewers: 1_234,
  state: 'live',
  mime: null,
};

@customElement('ud-styleguide-page')
export class StyleguidePage extends LitElement {
  @state() private tab = '1';
  @state() private picked = '1';
  @query('ud-confirm') declare private confirm: Confirm;

  static override styles = [base, buttons, fields, surfaces, tables, badges, guideStyles];

  override render(): TemplateResult {
    return html`<ud-shell>
      <h1>${texts.heading}</h1>
      <p class="lead">${texts.advice}</p>
      ${this.#tokens()} ${this.#controls()} ${this.#content()} ${this.#interaction()}
      ${this.#section(texts.parties.heading, html`<ud-party-guide class="stack"></ud-party-guide>`)}
    </ud-shell>`;
  }

  #section(heading: string, content: unknown, advice = ''): TemplateResult {
    return html`<section>
      <h2>${heading}</h2>
      ${advice === '' ? '' : html`<p class="hint">${advice}</p>`}
      <div class="shown">${content}</div>
    </section>`;
  }

  #tokens(): TemplateResult {
    const swatch = (name: string): TemplateResult =>
      html`<figure class="swatch ${name}">
        <div></div>
        <figcaption>--ud-${name}</figcaption>
      </figure>`;
    return html`${this.#section(texts.colours, [...COLOURS, ...SIGNALS].map(swatch))}
    ${this.#section(
      texts.type,
      html`<div class="stack">
        ${SIZES.map(
          (size) =>
            html`<div class="size">
              <code>--ud-text-${size}</code><span class="text-${size}">${texts.typeSample}</span>
            </div>`,
        )}
      </div>`,
    )}
    ${this.#section(
      texts.space,
      SPACES.map(
        (n) =>
          html`<figure class="space space-${n}">
            <div></div>
            <figcaption>${n}</figcaption>
          </figure>`,
      ),
    )}
    ${this.#section(
      texts.shape,
      SHAPES.map(
        (name) =>
          html`<figure class="shape ${name}">
            <div></div>
            <figcaption>--ud-${name}</figcaption>
          </figure>`,
      ),
    )}
    ${this.#section(texts.motion, html`<div class="bone moving"></div>`, texts.motionAdvice)}`;
  }

  #controls(): TemplateResult {
    return html`${this.#section(
      texts.buttons,
      html`<button class="button primary">${texts.primary}</button>
        <button class="button">${texts.secondary}</button>
        <button class="button quiet">${texts.quiet}</button>
        <button class="button danger">${texts.danger}</button>
        <button class="button" disabled>${texts.disabled}</button>
        <button class="button small">${texts.small}</button>
        <button class="button big">${broadcastIcon} ${texts.big}</button>
        <button class="button icon" aria-label=${texts.icon}>${broadcastIcon}</button>`,
      texts.buttonsAdvice,
    )}
    ${this.#section(
      texts.fields,
      html`<div class="column">
          ${textField({ id: 'plain', label: texts.field, hint: texts.hint, placeholder: texts.placeholder })}
          ${textField({ id: 'wrong', label: texts.field, value: texts.value, error: texts.error })}
          <label class="check"><input type="checkbox" checked /> ${texts.check}</label>
        </div>
        <fieldset class="column">
          <legend>${texts.choices}</legend>
          <div class="choices">
            ${[1, 2].map(
              (n) =>
                html`<label>
                  <input type="radio" name="choice" .checked=${n === 1} />
                  <span><strong>${texts.choice(n)}</strong><span class="hint">${texts.choiceAdvice}</span></span>
                </label>`,
            )}
          </div>
        </fieldset>`,
    )}`;
  }

  #content(): TemplateResult {
    const fact = html`<div>
      <dt>${texts.fact}</dt>
      <dd>${texts.value}</dd>
    </div>`;
    const figure = html`<div>
      <dt>${texts.figure}</dt>
      <dd>1,234</dd>
    </div>`;
    const row = (n: number): TemplateResult =>
      html`<tr role="row">
        <th scope="row" role="rowheader">${texts.menuItem(n)}</th>
        <td role="cell" data-label=${texts.value}>${n * 12}</td>
        <td role="cell" data-label=${texts.badges}><span class="badge ok">${texts.ok}</span></td>
      </tr>`;
    return html`${this.#section(
      texts.cards,
      html`<div class="card column">
        <h3>${texts.card}</h3>
        <p class="hint">${texts.cardAdvice}</p>
        <dl class="figures">${figure}${figure}</dl>
        <dl class="facts">${fact}${fact}</dl>
        <ud-copy-link url="https://example.org/view/${EXAMPLE.stream_id}"></ud-copy-link>
      </div>`,
    )}
    ${this.#section(
      texts.badges,
      html`${stateBadge('live')} ${stateBadge('interrupted')} ${stateBadge('ended')} ${viewersBadge(1_234)}
        <span class="badge ok">${texts.ok}</span> <span class="badge warn">${texts.warn}</span>
        <span class="badge bad">${texts.bad}</span>`,
    )}
    ${this.#section(
      texts.notices,
      html`<div class="stack">
        ${(['info', 'warn', 'error'] as const).map(
          (kind) => html`<ud-notice kind=${kind} heading=${texts.notice} advice=${texts.noticeAdvice}></ud-notice>`,
        )}
      </div>`,
    )}
    ${this.#section(
      texts.progress,
      html`<div class="column stack">
        <ud-progress label=${texts.progress} .value=${0.4} text="40 %"></ud-progress>
        <ud-progress label=${texts.progress} .value=${0.78} text="78 %" tone="warn"></ud-progress>
        <ud-progress label=${texts.progress} .value=${0.96} text="96 %" tone="bad"></ud-progress>
        <ud-progress label=${texts.loading}></ud-progress>
      </div>`,
    )}
    ${this.#section(
      texts.table,
      table({
        columns: [texts.menuItem(0), texts.value, texts.badges],
        rows: [1, 2],
        key: String,
        row,
      }),
      texts.tableAdvice,
    )}
    ${this.#section(
      texts.streamCards,
      [EXAMPLE, { ...EXAMPLE, state: 'interrupted' as const, viewers: 1 }].map(
        (stream) => html`<ud-stream-card class="column" .stream=${stream}></ud-stream-card>`,
      ),
    )}`;
  }

  #interaction(): TemplateResult {
    return html`${this.#section(
      texts.dialog,
      html`<button class="button" @click=${() => this.confirm.ask()}>${texts.openDialog}</button>
        <ud-confirm
          heading=${texts.dialogHeading}
          advice=${texts.dialogAdvice}
          action=${texts.dialogAction}
          @confirm=${() => toast(texts.toastText)}
        ></ud-confirm>`,
    )}
    ${this.#section(
      texts.toasts,
      html`<button class="button" @click=${() => toast(texts.toastText)}>${texts.toast}</button>
        <button class="button" @click=${() => toast(texts.toastErrorText, 'error')}>${texts.toastError}</button>`,
    )}
    ${this.#section(
      texts.menu,
      html`<ud-menu
        class="left"
        .label=${texts.menu}
        .items=${[1, 2, 3].map((n) => ({
          id: String(n),
          label: texts.menuItem(n),
          group: texts.menu,
          checked: String(n) === this.picked,
        }))}
        @pick=${({ id }: PickEvent) => (this.picked = id)}
        >${appearanceIcon}</ud-menu
      >`,
    )}
    ${this.#section(
      texts.tabs,
      html`<ud-tabs
        class="stack"
        .label=${texts.tabs}
        .tabs=${[1, 2, 3].map((n) => ({ name: String(n), label: texts.tab(n) }))}
        .selected=${this.tab}
        @ud-select=${({ selected }: SelectEvent) => (this.tab = selected)}
      >
        ${[1, 2, 3].map((n) => html`<p slot=${n}>${texts.panel(n)}</p>`)}
      </ud-tabs>`,
    )}`;
  }
}

// <ud-party-settings .state .library .save>: a dialog with all of the host's settings. `show()` opens it.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import type { Library } from '../../library/api';
import type { ItemId } from '../../protocol/item';
import type { ChangeParty, HostLoss, PartySettings, PartyState } from '../../protocol/party';
import { MAX_TITLE_CHARS, cleanTitle } from '../../protocol/title';
import { strings } from '../../strings';
import { dialogs } from '../dialogs';
import { fields, selectField, textField } from '../fields';
import { Submission } from '../people/submission';
import { base, buttons } from '../styles';
import { toast } from '../toasts';
import { dialogHead } from './dialog-head';
import { accessChoice, policyChoice } from './choices';
import type { PickItemEvent } from './item-picker';
import './item-picker';
import { refusal } from './refusals';
import { sheets } from './sheets';

const texts = strings.party.options;
const LOSSES: readonly HostLoss[] = ['wait', 'continue', 'hand_over', 'vote'];
const WAITS = [0, 1_000, 3_000, 10_000] as const;

@customElement('ud-party-settings')
export class SettingsDialog extends LitElement {
  @property({ attribute: false }) declare state: PartyState;
  @property({ attribute: false }) declare library: Pick<Library, 'list' | 'item'>;
  /** Throws a CallError if the party refuses. */
  @property({ attribute: false }) declare save: (change: ChangeParty) => Promise<void>;
  /** Unsaved changes. */
  @state() private change: ChangeParty = {};
  @state() private open = false;
  @state() private picks = false;
  @state() private isWrong = false;
  /** Title of the default item. */
  @state() private itemTitle: string | undefined;
  @query('dialog') declare private dialog: HTMLDialogElement;
  readonly #submission = new Submission(this);

  static override styles = [
    base,
    buttons,
    fields,
    dialogs,
    sheets,
    css`
      form {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--ud-space-4);
      }
      .group {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: var(--ud-space-3);
        padding-top: var(--ud-space-4);
        border-top: 1px solid var(--ud-line);
      }
      h3 {
        font-size: var(--ud-text-m);
      }
      .check {
        align-items: flex-start;
        padding: 9px 0;
        min-height: 0;
      }
      .check .hint {
        display: block;
      }
      .percent {
        display: flex;
        align-items: center;
        gap: 12px;
      }
      .percent input {
        flex: 1;
        min-width: 0;
        height: var(--ud-target);
        accent-color: var(--ud-accent);
      }
      output {
        min-width: 3.2em;
        font-weight: 650;
        font-variant-numeric: tabular-nums;
        text-align: right;
      }
      .item {
        display: flex;
        align-items: center;
        gap: 8px;
      }
      .item span {
        flex: 1;
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .label {
        font-size: var(--ud-text-s);
        font-weight: 600;
      }
    `,
  ];

  /** Opens it with the current settings. */
  show(): void {
    this.change = {};
    this.open = true;
    this.picks = false;
    this.isWrong = false;
    this.#submission.clear();
    void this.#look(this.state.settings.default_item_id);
    void this.updateComplete.then(() => this.dialog.showModal());
  }

  override render(): TemplateResult {
    return html`<dialog aria-labelledby="heading" @close=${() => (this.open = false)}>
      ${this.open ? this.#content() : nothing}
    </dialog>`;
  }

  get #settings(): PartySettings {
    return this.change.settings ?? this.state.settings;
  }

  #content(): TemplateResult {
    const { busy, problem } = this.#submission;
    const { change, state } = this;
    const policy = change.policy ?? state.policy;
    return html`${dialogHead(texts.heading, strings.cancel, () => this.dialog.close())}
      <div class="content">
        <form @submit=${this.#submit} novalidate>
          ${textField({
            id: 'title',
            label: texts.title,
            value: change.title ?? state.title,
            maxLength: MAX_TITLE_CHARS,
            error: this.isWrong ? strings.parties.create.titleNeeded : '',
            changed: (title) => this.#change({ title }),
          })}
          ${policyChoice(policy, (chosen) => this.#change({ policy: chosen }))}
          ${accessChoice(change.access ?? state.access, (access) => this.#change({ access }))}
          ${this.#check('needs_account', texts.needsAccount)} ${this.#playing(policy === 'host')} ${this.#voting()}
          ${problem === '' ? nothing : html`<p class="error" role="alert">${problem}</p>`}
          <div class="actions">
            <button class="button" type="button" @click=${() => this.dialog.close()}>${strings.cancel}</button>
            <button class="button primary" ?disabled=${busy}>${texts.save}</button>
          </div>
        </form>
      </div>`;
  }

  #playing(isHosted: boolean): TemplateResult {
    const { on_host_loss, wait_ms } = this.#settings;
    const waits = [...new Set([...WAITS, wait_ms])].sort((a, b) => a - b);
    return html`<div class="group" role="group" aria-labelledby="playing">
      <h3 id="playing">${texts.sections.playing}</h3>
      ${this.#check('members_suggest', texts.membersSuggest, isHosted ? texts.membersSuggestHost : '')}
      ${this.#check('keeps_entries', texts.keepsEntries)}
      ${selectField({
        id: 'loss',
        label: texts.onHostLoss,
        options: LOSSES.map((loss) => texts.hostLoss[loss]),
        chosen: LOSSES.indexOf(on_host_loss),
        changed: (index) => this.#set({ on_host_loss: LOSSES[index] ?? 'continue' }),
      })}
      ${selectField({
        id: 'wait',
        label: texts.wait,
        options: waits.map((ms) => (ms === 0 ? texts.never : texts.upTo(ms / 1000))),
        chosen: waits.indexOf(wait_ms),
        changed: (index) => this.#set({ wait_ms: waits[index] ?? wait_ms }),
      })}
      ${this.#defaultItem()}
    </div>`;
  }

  #voting(): TemplateResult {
    const { skip_percent } = this.#settings;
    return html`<div class="group" role="group" aria-labelledby="voting">
      <h3 id="voting">${texts.sections.voting}</h3>
      ${this.#check('shows_votes', texts.showsVotes)} ${this.#check('is_fair', texts.isFair, texts.isFairAdvice)}
      <div class="field">
        <label for="skip">${texts.skip}</label>
        <div class="percent">
          <input
            id="skip"
            type="range"
            min="1"
            max="100"
            aria-valuetext=${texts.skipOf(skip_percent)}
            .value=${String(skip_percent)}
            @input=${(event: Event) => this.#set({ skip_percent: Number((event.target as HTMLInputElement).value) })}
          />
          <output for="skip">${texts.skipOf(skip_percent)}</output>
        </div>
      </div>
    </div>`;
  }

  #defaultItem(): TemplateResult {
    const { default_item_id } = this.#settings;
    const title = default_item_id === undefined ? texts.noDefault : (this.itemTitle ?? texts.chosenDefault);
    return html`<div>
      <span class="label">${texts.defaultItem}</span>
      <div class="item">
        <span dir="auto">${title}</span>
        ${
          default_item_id === undefined
            ? nothing
            : html`<button class="button small quiet" type="button" @click=${() => this.#pick(undefined)}>
                ${texts.clear}
              </button>`
        }
        <button
          class="button small"
          type="button"
          aria-expanded=${this.picks}
          @click=${() => (this.picks = !this.picks)}
        >
          ${texts.choose}
        </button>
      </div>
      ${
        this.picks
          ? html`<ud-item-picker
              .library=${this.library}
              @ud-pick-item=${({ item }: PickItemEvent) => this.#pick(item.item_id, item.title)}
            ></ud-item-picker>`
          : nothing
      }
    </div>`;
  }

  #check(
    id: 'members_suggest' | 'needs_account' | 'shows_votes' | 'is_fair' | 'keeps_entries',
    label: string,
    advice = '',
  ): TemplateResult {
    return html`<label class="check">
      <input
        type="checkbox"
        .checked=${this.#settings[id]}
        @change=${(event: Event) => this.#set({ [id]: (event.target as HTMLInputElement).checked })}
      />
      <span>${label}${advice === '' ? nothing : html`<span class="hint">${advice}</span>`}</span>
    </label>`;
  }

  #change(change: ChangeParty): void {
    this.change = { ...this.change, ...change };
  }

  #set(change: Partial<PartySettings>): void {
    this.#change({ settings: { ...this.#settings, ...change } });
  }

  #pick(id: ItemId | undefined, title?: string): void {
    this.picks = false;
    this.itemTitle = title;
    const settings = { ...this.#settings };
    if (id === undefined) delete settings.default_item_id;
    else settings.default_item_id = id;
    this.#change({ settings });
  }

  async #look(id: ItemId | undefined): Promise<void> {
    this.itemTitle = undefined;
    if (id === undefined) return;
    const item = await this.library.item(id).catch(() => undefined);
    if (this.#settings.default_item_id === id) this.itemTitle = item?.title;
  }

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const title = cleanTitle(this.change.title ?? this.state.title);
    this.isWrong = title === undefined;
    if (title === undefined) this.renderRoot.querySelector<HTMLElement>('#title')?.focus();
    else void this.#save({ ...this.change, ...(this.change.title === undefined ? {} : { title }) });
  };

  async #save(change: ChangeParty): Promise<void> {
    if (Object.keys(change).length > 0 && !(await this.#submission.run(() => this.save(change), refusal))) return;
    this.dialog.close();
    toast(texts.saved);
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-party-settings': SettingsDialog;
  }
}

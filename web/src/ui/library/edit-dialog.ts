// <ud-edit-item>: a modal dialog to edit the details of an item. `ask()` opens it.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import { asCallError } from '../../protocol/error';
import type { ChangeItem, Item } from '../../protocol/item';
import type { Visibility } from '../../protocol/stream';
import { strings } from '../../strings';
import { dialogs } from '../dialogs';
import { fields, selectField, textField } from '../fields';
import { base, buttons } from '../styles';

const texts = strings.library.edit;
const VISIBILITIES: readonly Visibility[] = ['public', 'unlisted', 'private'];
const MOST_CHARS = 120;

/** An item to edit, and how to save it. */
export interface EditRequest {
  item: Item;
  /** Throws a CallError if the server refuses. */
  save: (change: ChangeItem) => Promise<void>;
}

@customElement('ud-edit-item')
export class EditItem extends LitElement {
  @state() private request: EditRequest | undefined;
  @state() private change: ChangeItem = {};
  @state() private tags = '';
  @state() private error = '';
  @state() private busy = false;
  @query('dialog') declare private dialog: HTMLDialogElement;

  static override styles = [
    base,
    buttons,
    dialogs,
    fields,
    css`
      :host {
        display: contents;
      }
    `,
  ];

  ask(request: EditRequest): void {
    this.request = request;
    this.change = {};
    this.tags = request.item.tags.join(', ');
    this.error = '';
    void this.updateComplete.then(() => this.dialog.showModal());
  }

  override render(): TemplateResult {
    const item = this.request?.item;
    return html`<dialog aria-labelledby="heading">${item === undefined ? nothing : this.#form(item)}</dialog>`;
  }

  #form(item: Item): TemplateResult {
    const { change } = this;
    const visibility = change.visibility ?? item.visibility;
    return html`<form @submit=${this.#save}>
      <h2 id="heading">${texts.heading}</h2>
      ${this.#text('title', texts.title, item.title, true)} ${this.#text('artist', texts.artist, item.artist ?? '')}
      ${this.#text('album', texts.album, item.album ?? '')}
      ${textField({
        id: 'tags',
        label: texts.tags,
        hint: texts.tagsHint,
        value: this.tags,
        changed: (value) => (this.tags = value),
      })}
      ${selectField({
        id: 'visibility',
        label: texts.visibility,
        options: VISIBILITIES.map((name) => strings.visibilities[name]),
        chosen: VISIBILITIES.indexOf(visibility),
        changed: (index) => (this.change = { ...change, visibility: VISIBILITIES[index] ?? 'public' }),
      })}
      ${
        visibility === 'private'
          ? textField({
              id: 'passphrase',
              label: texts.passphrase,
              hint: texts.passphraseHint,
              type: 'password',
              changed: (passphrase) => (this.change = { ...this.change, passphrase }),
            })
          : nothing
      }
      ${this.error ? html`<p class="error" role="alert">${this.error}</p>` : nothing}
      <div class="actions">
        <button class="button" type="button" @click=${() => this.dialog.close()}>${strings.cancel}</button>
        <button class="button primary" ?disabled=${this.busy}>${texts.save}</button>
      </div>
    </form>`;
  }

  #text(id: 'title' | 'artist' | 'album', label: string, value: string, required = false): TemplateResult {
    return textField({
      id,
      label,
      required,
      maxLength: MOST_CHARS,
      value: this.change[id] ?? value,
      changed: (text) => (this.change = { ...this.change, [id]: text }),
    });
  }

  readonly #save = async (event: Event): Promise<void> => {
    event.preventDefault();
    const { request, change } = this;
    if (request === undefined || this.busy) return;
    const { passphrase, ...rest } = change;
    const tags = this.tags
      .split(',')
      .map((tag) => tag.trim())
      .filter(Boolean);
    this.busy = true;
    try {
      await request.save({ ...rest, tags, ...(passphrase ? { passphrase } : {}) });
      this.dialog.close();
    } catch (error) {
      const { code, message } = asCallError(error);
      this.error = code === 'invalid_request' || code === 'invalid_title' ? message : texts.failed;
    } finally {
      this.busy = false;
    }
  };
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-edit-item': EditItem;
  }
}

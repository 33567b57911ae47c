// <ud-party-queue .state me leads may-add>: the next entries, moved by dragging their handles or with the arrow keys on
// them, and the members' suggestions. Sends `ud-party-action` and `ud-party-show`.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { accepted, suggested } from '../../party/roles';
import type { Entry, PartyState } from '../../protocol/party';
import { strings } from '../../strings';
import { checkIcon, closeIcon, gripIcon, moreIcon, plusIcon } from '../icons';
import type { MenuItem, PickEvent } from '../menu';
import '../menu';
import { base, block, buttons } from '../styles';
import { surfaces } from '../surfaces';
import { Dragging } from './dragging';
import { adder, entryRows, entryText } from './entry-row';
import { ActionEvent, ShowEvent } from './events';

const texts = strings.party.queue;

@customElement('ud-party-queue')
export class PartyQueue extends LitElement {
  @property({ attribute: false }) declare state: PartyState;
  @property() me: string | undefined;
  /** Whether this member has the host's rights. */
  @property({ type: Boolean }) leads = false;
  @property({ type: Boolean, attribute: 'may-add' }) mayAdd = false;
  /** The announcement of a move for screen readers. */
  @state() private told = '';
  /** The entry that was moved by a key. */
  #held: string | undefined;
  readonly #dragging = new Dragging((id, before) => this.#dropped(id, before));

  static override styles = [
    base,
    block,
    buttons,
    surfaces,
    entryRows,
    css`
      header {
        display: flex;
        align-items: center;
        gap: 8px;
      }
      h2 {
        flex: 1;
        font-size: var(--ud-text-l);
      }
      h3 {
        margin: 4px 0 -4px;
        color: var(--ud-muted);
        font-size: var(--ud-text-xs);
        font-weight: 650;
        letter-spacing: 0.02em;
        text-transform: uppercase;
      }
      .row .grip {
        flex: none;
        width: 28px;
        min-height: 48px;
        margin: 0 -8px 0 -4px;
        color: var(--ud-muted);
        cursor: grab;
        touch-action: none;
      }
      .row.dragged {
        position: relative;
        z-index: 2;
        background: var(--ud-surface-2);
        box-shadow: var(--ud-shadow-raised);
      }
      .row:not(.dragged) {
        transition: transform var(--ud-quick);
      }
      .row.suggestion {
        background: var(--ud-accent-soft);
      }
      .number {
        flex: none;
        width: 22px;
        color: var(--ud-muted);
        font-size: var(--ud-text-s);
        font-variant-numeric: tabular-nums;
        text-align: center;
      }
      .actions {
        display: flex;
        flex: none;
      }
      .accept {
        color: var(--ud-accent);
      }
      .empty {
        padding-block: 28px;
      }
      .empty strong {
        font-size: var(--ud-text-m);
      }
      ud-menu svg {
        width: 20px;
        height: 20px;
      }
    `,
  ];

  /** Restores the focus: a row that moves down is removed from the page on its way, and its handle loses the focus. */
  override updated(): void {
    if (this.#held === undefined || document.activeElement !== document.body) return;
    const place = accepted(this.state).map(idOf).indexOf(this.#held);
    this.renderRoot.querySelectorAll<HTMLElement>('.grip')[place]?.focus();
  }

  override render(): TemplateResult {
    const queue = accepted(this.state);
    const wishes = suggested(this.state);
    return html`<section class="card" aria-labelledby="heading">
      <header>
        <h2 id="heading">${texts.heading}</h2>
        ${
          this.mayAdd
            ? html`<button class="button small" type="button" @click=${() => this.dispatchEvent(new ShowEvent('add'))}>
                ${plusIcon} ${this.leads ? texts.add : texts.suggest}
              </button>`
            : nothing
        }
      </header>
      ${queue.length === 0 && wishes.length === 0 ? this.#empty() : nothing}
      ${
        queue.length === 0
          ? nothing
          : html`<ol class="rows">
              ${repeat(queue, idOf, (entry, place) => this.#row(entry, place, queue.length))}
            </ol>`
      }
      ${wishes.length === 0 ? nothing : this.#wishes(wishes)}
      <span class="visually-hidden" role="status">${this.told}</span>
    </section>`;
  }

  #empty(): TemplateResult {
    const advice = this.leads ? texts.emptyHost : this.mayAdd ? texts.emptyMember : texts.emptyClosed;
    return html`<div class="empty">
      <strong>${texts.empty}</strong>
      <p>${advice}</p>
    </div>`;
  }

  #row(entry: Entry, place: number, of: number): TemplateResult {
    const isOwn = entry.added_by === this.me;
    return html`<li class="row">
      ${this.leads ? this.#grip(entry, place, of) : html`<span class="number">${place + 1}</span>`}
      ${entryText(entry, [adder(this.state, entry, this.me)])}
      ${this.leads ? this.#menu(entry, place, of) : isOwn ? this.#button('remove', entry) : nothing}
    </li>`;
  }

  #grip({ title }: Entry, place: number, of: number): TemplateResult {
    return html`<button
      class="button quiet icon grip"
      type="button"
      aria-label=${texts.move(title, place + 1, of)}
      @keydown=${(event: KeyboardEvent) => this.#key(event, place, of)}
      @pointerdown=${(event: PointerEvent) => this.#dragging.begin(event, accepted(this.state).map(idOf), place)}
    >
      ${gripIcon}
    </button>`;
  }

  #menu(entry: Entry, place: number, of: number): TemplateResult {
    const items: MenuItem[] = [
      { id: 'play', label: texts.playNow, group: 'play' },
      ...(place > 0 ? [{ id: 'top', label: texts.top }] : []),
      ...(place > 0 ? [{ id: 'up', label: texts.up }] : []),
      ...(place < of - 1 ? [{ id: 'down', label: texts.down }] : []),
      { id: 'remove', label: texts.remove, group: 'remove' },
    ];
    const pick = ({ id }: PickEvent): void => {
      const { entry_id } = entry;
      if (id === 'play') this.#ask({ command: 'play', entry_id });
      else if (id === 'remove') this.#ask({ command: 'remove', entry_id });
      else this.#move(place, { top: 0, up: place - 1, down: place + 1 }[id] ?? place);
    };
    return html`<ud-menu .label=${texts.actions(entry.title)} .items=${items} @pick=${pick}>${moreIcon}</ud-menu>`;
  }

  #wishes(wishes: readonly Entry[]): TemplateResult {
    return html`<h3>${this.leads ? texts.suggestions : texts.suggestionsWaiting}</h3>
      <ul class="rows">
        ${repeat(
          wishes,
          idOf,
          (entry) =>
            html`<li class="row suggestion">
              ${entryText(entry, [adder(this.state, entry, this.me)])}
              <div class="actions">
                ${this.leads ? this.#button('accept', entry) : nothing}
                ${
                  this.leads
                    ? this.#button('refuse', entry)
                    : entry.added_by === this.me
                      ? this.#button('remove', entry)
                      : nothing
                }
              </div>
            </li>`,
        )}
      </ul>`;
  }

  #button(kind: 'accept' | 'refuse' | 'remove', { entry_id, title }: Entry): TemplateResult {
    const label = { accept: texts.acceptOne(title), refuse: texts.refuseOne(title), remove: texts.removeOne(title) }[
      kind
    ];
    const command = kind === 'accept' ? 'accept' : 'remove';
    return html`<button
      class="button quiet icon ${kind}"
      type="button"
      aria-label=${label}
      title=${label}
      @click=${() => this.#ask({ command, entry_id })}
    >
      ${kind === 'accept' ? checkIcon : closeIcon}
    </button>`;
  }

  readonly #key = (event: KeyboardEvent, place: number, of: number): void => {
    const to = { ArrowUp: place - 1, ArrowDown: place + 1, Home: 0, End: of - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.#held = accepted(this.state)[place]?.entry_id;
    this.#move(place, to);
  };

  /** The queue may have changed since the row was taken: it goes after those of its predecessors that still exist. */
  #dropped(id: string, before: readonly string[]): void {
    const ids = accepted(this.state).map(idOf);
    this.#move(ids.indexOf(id), before.filter((other) => ids.includes(other)).length);
  }

  /** Moves the accepted entry at an index; the server's index includes suggestions. */
  #move(from: number, to: number): void {
    const queue = accepted(this.state);
    const [entry, there] = [queue[from], queue[to]];
    if (entry === undefined || there === undefined || from === to) return;
    const place = this.state.queue.findIndex(({ entry_id }) => entry_id === there.entry_id);
    this.told = texts.moved(entry.title, to + 1);
    this.#ask({ command: 'move', entry_id: entry.entry_id, to: place });
  }

  #ask(action: ActionEvent['action']): void {
    this.dispatchEvent(new ActionEvent(action));
  }
}

function idOf({ entry_id }: Entry): string {
  return entry_id;
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-party-queue': PartyQueue;
  }
}

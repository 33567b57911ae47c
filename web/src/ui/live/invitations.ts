// <ud-invitations .invitations .words>: creates, copies, lists and revokes invitation links to something private: a
// stream, unless `words` say otherwise. Sends `ud-invitation` with the link of a new one.

import { LitElement, css, html, nothing, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { Poll } from '../../api/poll';
import { serverTime } from '../../api/server-time';
import { invitationState, type Invitation, type Invitations } from '../../publish/invitations';
import { strings } from '../../strings';
import { Asking } from '../asking';
import { badges } from '../badges';
import '../copy-link';
import { fields, selectField, textField } from '../fields';
import { since } from '../format';
import { Submission } from '../people/submission';
import { base, block, buttons } from '../styles';

/** The texts about invitations. */
export type InvitationWords = typeof strings.live.invitations;

/** Interval of refreshing the list. */
const LOOK_MS = 10_000;
const MAX_NAME_CHARS = 120;

/** The choices; undefined means unlimited. */
const USES = [1, 5, 25, undefined] as const;
const HOURS = [1, 24, 168, undefined] as const;

/** An invitation was created. */
export class InvitationEvent extends Event {
  constructor(readonly link: string) {
    super('ud-invitation');
  }
}

@customElement('ud-invitations')
export class InvitationList extends LitElement {
  @property({ attribute: false }) declare invitations: Invitations;
  @property({ attribute: false }) words: InvitationWords = strings.live.invitations;
  @state() private list: readonly Invitation[] = [];
  @state() private name = '';
  @state() private uses: (typeof USES)[number] = 1;
  @state() private hours: (typeof HOURS)[number] = 24;
  readonly #submission = new Submission(this);
  readonly #asking = new Asking(this, () => this.#look());
  #poll: Poll | undefined;

  static override styles = [
    base,
    block,
    buttons,
    badges,
    fields,
    css`
      form {
        display: grid;
        grid-template-columns: repeat(2, minmax(0, 1fr));
        gap: var(--ud-space-3);
      }
      form > .button,
      form > .field:first-child,
      form > .error {
        grid-column: 1 / -1;
      }
      ul {
        display: grid;
        gap: var(--ud-space-3);
        margin: var(--ud-space-4) 0 0;
        padding: 0;
        list-style: none;
      }
      ul:empty {
        display: none;
      }
      li {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        align-items: center;
        gap: var(--ud-space-1) var(--ud-space-3);
        padding-top: var(--ud-space-3);
        border-top: 1px solid var(--ud-line);
      }
      strong {
        font-size: var(--ud-text-s);
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      li .hint {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--ud-space-2);
      }
      ud-copy-link {
        grid-column: 1 / -1;
        margin-top: var(--ud-space-1);
      }
    `,
  ];

  override firstUpdated(): void {
    this.#poll = new Poll(LOOK_MS, () => this.#look());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#poll?.stop();
  }

  override render(): TemplateResult {
    const { busy, problem } = this.#submission;
    const texts = this.words;
    return html`<form @submit=${this.#submit}>
        ${textField({
          id: 'name',
          label: texts.name,
          value: this.name,
          maxLength: MAX_NAME_CHARS,
          changed: (value) => (this.name = value),
        })}
        ${selectField({
          id: 'uses',
          label: texts.uses,
          options: USES.map((n) => (n === undefined ? texts.unlimited : texts.viewers(n))),
          chosen: USES.indexOf(this.uses),
          changed: (index) => (this.uses = USES[index]),
        })}
        ${selectField({
          id: 'hours',
          label: texts.validFor,
          options: HOURS.map((n) => (n === undefined ? texts.untilTheEnd : texts.hours(n))),
          chosen: HOURS.indexOf(this.hours),
          changed: (index) => (this.hours = HOURS[index]),
        })}
        ${problem === '' ? nothing : html`<span class="error" role="alert">${problem}</span>`}
        <button class="button" ?disabled=${busy}>${texts.make}</button>
      </form>
      <ul>
        ${repeat(
          this.list,
          ({ invitation_id }) => invitation_id,
          (invitation) => this.#row(invitation),
        )}
      </ul>
      ${this.#asking.dialog()}`;
  }

  #row(invitation: Invitation): TemplateResult {
    const texts = this.words;
    const { uses, used, expires_at_ms, link } = invitation;
    const name = this.#nameOf(invitation);
    const nowMs = serverTime.nowMs();
    const state = invitationState(invitation, nowMs);
    const left = expires_at_ms === undefined ? texts.untilTheEnd : texts.expiresIn(since(expires_at_ms - nowMs));
    return html`<li>
      <div>
        <strong dir="auto">${name}</strong>
        <div class="hint">
          ${state === 'open' ? nothing : html`<span class="badge warn">${texts.states[state]}</span>`}
          ${uses === undefined ? texts.used(used) : texts.usedOf(used, uses)}${state === 'open' ? ` · ${left}` : ''}
        </div>
      </div>
      <button
        class="button small danger"
        type="button"
        aria-label=${texts.revokeOne(name)}
        @click=${() => this.#revoke(invitation)}
      >
        ${texts.revoke}
      </button>
      ${link !== undefined && state === 'open' ? html`<ud-copy-link what="invitation" .url=${link}></ud-copy-link>` : nothing}
    </li>`;
  }

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void this.#make();
  };

  async #make(): Promise<void> {
    const { uses, hours } = this;
    const name = this.name.trim();
    const worked = await this.#submission.run(async () => {
      const link = await this.invitations.make({
        ...(uses === undefined ? {} : { uses }),
        ...(hours === undefined ? {} : { expires_in_s: hours * 3600 }),
        ...(name === '' ? {} : { name }),
      });
      this.dispatchEvent(new InvitationEvent(link));
      await this.#look();
    });
    if (worked) this.name = '';
  }

  async #look(): Promise<void> {
    this.list = await this.invitations.list();
  }

  #revoke(invitation: Invitation): void {
    const texts = this.words;
    const name = this.#nameOf(invitation);
    this.#asking.ask({
      heading: texts.revokeHeading(name),
      advice: texts.revokeAdvice,
      action: texts.revoke,
      done: texts.revoked(name),
      act: () => this.invitations.revoke(invitation),
    });
  }

  #nameOf({ name, invitation_id }: Invitation): string {
    return name === undefined || name === '' ? this.words.unnamed(invitation_id.slice(-4)) : name;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'ud-invitations': InvitationList;
  }
}

// The signed-in person of a page, requested when the page opens and after signing out. Items that this browser stores
// for other accounts are removed as soon as the answer is known. The host shows `menu()` in the header.

import { html, type ReactiveController, type ReactiveControllerHost, type TemplateResult } from 'lit';
import { People } from '../../api/people';
import { Kept } from '../../library/kept/kept';
import { refusalText } from '../../people/problems';
import type { Me } from '../../protocol/account';
import type { Item } from '../../protocol/item';
import './account-menu';

/** Dependencies and callbacks of a login. */
export interface LoginSetup {
  people?: People;
  /** The page's storage, if it has one. */
  kept?: Pick<Kept, 'isFor'>;
  /** The person has just signed out. */
  signedOut?: () => void;
}

/** Knows who is signed in. */
export class Login implements ReactiveController {
  readonly people: People;
  readonly #host: ReactiveControllerHost;
  readonly #kept: Pick<Kept, 'isFor'>;
  readonly #signedOut: (() => void) | undefined;
  #me: Me | undefined;
  #problem = '';
  #asked: Promise<Me | undefined> | undefined;

  constructor(host: ReactiveControllerHost, { people = new People(), kept, signedOut }: LoginSetup = {}) {
    this.people = people;
    this.#host = host;
    this.#kept = kept ?? Kept.joined();
    this.#signedOut = signedOut;
    host.addController(this);
  }

  /** Undefined until the answer is known, and if the request failed. */
  get me(): Me | undefined {
    return this.#me;
  }

  /** Null while no account is signed in, and until the answer is known. */
  get account(): Me['account'] {
    return this.#me?.account ?? null;
  }

  /** Why the request failed, as text. */
  get problem(): string {
    return this.#problem;
  }

  /**
   * The name of the account; null if no account is signed in. Waits for the answer, and is undefined if the request
   * failed.
   */
  async name(): Promise<string | null | undefined> {
    const me = await this.#asked;
    return me === undefined ? undefined : (me.account?.name ?? null);
  }

  /** Whether this person may change the item. */
  mayEdit(item: Item | undefined): boolean {
    const { account } = this;
    if (item === undefined || account === null) return false;
    return account.role === 'operator' || item.owner === account.name;
  }

  /** The menu for the slot `account` of the header. */
  menu(): TemplateResult {
    return html`<ud-account-menu
      slot="account"
      .account=${this.account}
      .people=${this.people}
      @signed-out=${() => {
        this.#signedOut?.();
        void this.look();
      }}
    ></ud-account-menu>`;
  }

  hostConnected(): void {
    void this.look();
  }

  /** Asks again. */
  async look(): Promise<void> {
    this.#problem = '';
    this.#host.requestUpdate();
    let problem = '';
    const asked = this.people.me().catch((error: unknown) => {
      problem = refusalText(error);
      return undefined;
    });
    this.#asked = asked;
    const me = await asked;
    // Someone signed in or out meanwhile.
    if (this.#asked !== asked) return;
    this.#me = me;
    this.#problem = problem;
    this.#host.requestUpdate();
    void this.#kept.isFor(me && (me.account?.name ?? null));
  }
}

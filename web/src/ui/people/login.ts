// Who is signed in, for a page: asked when the page opens and after signing out. What this browser keeps for other accounts goes as soon
// as that is known. The host shows `menu()` in the header.

import { html, type ReactiveController, type ReactiveControllerHost, type TemplateResult } from 'lit';
import { People } from '../../api/people';
import { Kept } from '../../library/kept/kept';
import { refusalText } from '../../people/problems';
import type { Me } from '../../protocol/account';
import type { Item } from '../../protocol/item';
import './account-menu';

/** What a login works with. */
export interface LoginSetup {
  people?: People;
  /** That of the page, where it keeps something itself. */
  kept?: Pick<Kept, 'isFor'>;
  /** The person has just signed out. */
  signedOut?: () => void;
}

/** See the head of the file. */
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

  /** Undefined until it is known, and where it cannot be asked for. */
  get me(): Me | undefined {
    return this.#me;
  }

  /** Null while no account is signed in, and until the answer is known. */
  get account(): Me['account'] {
    return this.#me?.account ?? null;
  }

  /** Why it is not known who is signed in, in words. */
  get problem(): string {
    return this.#problem;
  }

  /** The name of the account, null if no account is signed in. Waits for the answer, and is undefined if the server gives none. */
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

  /** For the slot `account` of the header. */
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
    // Somebody signed in or out meanwhile.
    if (this.#asked !== asked) return;
    this.#me = me;
    this.#problem = problem;
    this.#host.requestUpdate();
    if (me !== undefined) void this.#kept.isFor(me.account?.name ?? null);
  }
}

// Whether this page may create streams, and by what: everybody may, or an account that is signed in, or a stream key. A key is
// kept in memory, and for the tab only if the person says so; it never becomes part of an address. No DOM.

import type { People } from '../api/people';
import type { Memory } from '../browser/storage';
import { CallError } from '../protocol/error';
import type { Me, RecordPolicy } from '../protocol/account';

const KEY = 'undead.stream-key';

/** What access works with. */
export interface AccessSetup {
  people: Pick<People, 'me' | 'signIn'>;
  tabMemory: Memory;
  /** Anything that is shown changed. */
  changed(): void;
}

/** See the head of the file. */
export class Access {
  readonly #setup: AccessSetup;
  #me: Me | undefined;
  #known = false;
  #key: string | undefined;

  constructor(setup: AccessSetup) {
    this.#setup = setup;
    this.#key = setup.tabMemory.getItem(KEY) ?? undefined;
  }

  /** Whether it is known if the person has to show something; a server that cannot be asked decides later. */
  get known(): boolean {
    return this.#known;
  }

  /** Who is signed in. */
  get account(): Me['account'] {
    return this.#me?.account ?? null;
  }

  /** Who may create streams here. */
  get policy(): Me['broadcast'] {
    return this.#me?.broadcast ?? 'open';
  }

  /** Whether streams are recorded here. */
  get record(): RecordPolicy {
    return this.#me?.record ?? 'off';
  }

  /** Whether a stream key or a sign-in is needed first. */
  get isNeeded(): boolean {
    return this.#me !== undefined && !this.#me.may_broadcast;
  }

  /** The stream key to create streams with. A session needs none. */
  get streamKey(): string | undefined {
    return this.account === null ? this.#key : undefined;
  }

  /** Asks the server. */
  async look(): Promise<void> {
    try {
      this.#me = await this.#setup.people.me(this.#key);
      if (!this.#me.may_broadcast && this.#key !== undefined) this.#forgetKey();
    } catch {
      // The server tells when a stream is asked for.
    }
    this.#known = true;
    this.#setup.changed();
  }

  /**
   * Goes on with a stream key; `keep` remembers it for this tab.
   *
   * @throws CallError `broadcast_not_allowed` when the key is wrong or revoked.
   */
  async useKey(key: string, keep: boolean): Promise<void> {
    const me = await this.#setup.people.me(key);
    if (!me.may_broadcast) throw new CallError('broadcast_not_allowed', 'the stream key is wrong or revoked');
    this.#me = me;
    this.#key = key;
    if (keep) this.#setup.tabMemory.setItem(KEY, key);
    this.#setup.changed();
  }

  /**
   * Goes on with an account.
   *
   * @throws CallError when name or password are wrong.
   */
  async signIn(name: string, password: string): Promise<void> {
    await this.#setup.people.signIn(name, password);
    await this.look();
  }

  /** The server takes the key or the session no longer, or the person signed out. */
  async refused(): Promise<void> {
    this.#forgetKey();
    await this.look();
  }

  #forgetKey(): void {
    this.#key = undefined;
    this.#setup.tabMemory.removeItem(KEY);
  }
}

// Whether this page may create streams, and why: everyone may, an account is signed in, or a stream key is given. A key
// is kept in memory, and for the tab only if the person chooses that. It never enters an address. No DOM.

import type { People } from '../api/people';
import type { Memory } from '../browser/storage';
import { CallError } from '../protocol/error';
import type { Me, RecordPolicy } from '../protocol/account';

const KEY = 'undead.stream-key';

/** Dependencies and callbacks of access. */
export interface AccessSetup {
  people: Pick<People, 'me' | 'signIn'>;
  tabMemory: Memory;
  /** Called when displayed state changed. */
  changed(): void;
}

/** The person's permission to go live, with the account or stream key behind it. */
export class Access {
  readonly #setup: AccessSetup;
  #me: Me | undefined;
  #known = false;
  #key: string | undefined;

  constructor(setup: AccessSetup) {
    this.#setup = setup;
    this.#key = setup.tabMemory.getItem(KEY) ?? undefined;
  }

  /** Whether the check has finished. If the server cannot be reached, it decides later. */
  get known(): boolean {
    return this.#known;
  }

  /** The signed-in account. */
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

  /** Whether the person must sign in or enter a stream key first. */
  get isNeeded(): boolean {
    return this.#me !== undefined && !this.#me.may_broadcast;
  }

  /** The stream key to create streams with; undefined if a session makes it unnecessary. */
  get streamKey(): string | undefined {
    return this.account === null ? this.#key : undefined;
  }

  /** Fetches the person's permissions. */
  async look(): Promise<void> {
    try {
      this.#me = await this.#setup.people.me(this.#key);
      if (!this.#me.may_broadcast && this.#key !== undefined) this.#forgetKey();
    } catch {
      // The server decides when a stream is created.
    }
    this.#known = true;
    this.#setup.changed();
  }

  /**
   * Uses a stream key; `keep` remembers it for this tab.
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
   * Signs in to an account.
   *
   * @throws CallError when name or password are wrong.
   */
  async signIn(name: string, password: string): Promise<void> {
    await this.#setup.people.signIn(name, password);
    await this.look();
  }

  /** Forgets the credentials after the server rejected the key or the session, or the person signed out. */
  async refused(): Promise<void> {
    this.#forgetKey();
    await this.look();
  }

  #forgetKey(): void {
    this.#key = undefined;
    this.#setup.tabMemory.removeItem(KEY);
  }
}

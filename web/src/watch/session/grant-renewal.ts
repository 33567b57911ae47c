// Has the viewer's grant renewed well before it expires, so that another node takes it whenever this one is lost, main server or
// not. Viewers who came together do not ask together. Works with the lifetime that the main server told and this page's
// monotonic clock: no clock has to be right. The node asks when it sees that a grant is about to expire all the same: a
// page that was frozen did not notice.

import { asCallError } from '../../protocol/error';
import type { RenewedGrant } from '../../protocol/stream';

/** When in its life a grant is renewed. */
const EARLIEST = 0.4;
const LATEST = 0.6;
/** Until the next try after one that failed. */
const AGAIN_MS = 60_000;
/** Within this time after the node asked: it asks many viewers at once. */
const SOON_MS = 2_000;

/** What renewal works with. */
export interface GrantRenewalSetup {
  /** Asks the main server for a fresh grant. */
  renew: (grant: string) => Promise<RenewedGrant>;
  /** The newest grant. */
  grant: () => string | undefined;
  /** A fresh one is there. */
  renewed: (grant: string) => void;
  now: () => number;
  /** From 0 to 1. */
  random?: () => number;
}

/** See the head of the file. */
export class GrantRenewal {
  readonly #setup: GrantRenewalSetup;
  readonly #random: () => number;
  /** Infinity while nothing is to be renewed. */
  #dueMs = Infinity;

  constructor(setup: GrantRenewalSetup) {
    this.#setup = setup;
    this.#random = setup.random ?? Math.random;
  }

  /** The main server gave a grant that lasts for so long; undefined where it does not renew grants. */
  took(expiresInS: number | undefined): void {
    const part = EARLIEST + this.#random() * (LATEST - EARLIEST);
    this.#dueMs = expiresInS === undefined ? Infinity : this.#setup.now() + expiresInS * 1000 * part;
  }

  /** The node asks for a fresh grant. */
  asked(): void {
    this.#dueMs = Math.min(this.#dueMs, this.#setup.now() + this.#random() * SOON_MS);
  }

  /** Renews in the background once that is due. */
  renewIfDue(): void {
    const { now, grant } = this.#setup;
    const old = grant();
    if (now() < this.#dueMs || old === undefined) return;
    this.#dueMs = now() + AGAIN_MS;
    void this.#renew(old);
  }

  async #renew(old: string): Promise<void> {
    try {
      const { grant, expires_in_s } = await this.#setup.renew(old);
      // Another assignment may have come meanwhile.
      if (this.#setup.grant() !== old) return;
      this.took(expires_in_s);
      this.#setup.renewed(grant);
    } catch (error) {
      // A grant that is refused is replaced when a node refuses it; an older main server renews none.
      if (['invalid_grant', 'not_found'].includes(asCallError(error).code)) this.#dueMs = Infinity;
    }
  }
}

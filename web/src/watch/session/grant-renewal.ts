// Renews the viewer's grant long before it expires, so that another node accepts it whenever this one is lost, even
// without the main server. Renewals are randomised, so that viewers who joined together do not renew together. It uses
// the lifetime from the main server and this page's monotonic clock, so no clock needs to be right. The node also asks
// for a fresh grant shortly before expiry, for pages that were frozen.

import { asCallError } from '../../protocol/error';
import type { RenewedGrant } from '../../protocol/stream';

/** Share of its lifetime after which a grant is renewed. */
const EARLIEST = 0.4;
const LATEST = 0.6;
/** Pause after a failed renewal. */
const AGAIN_MS = 60_000;
/** Renewals happen within this time after the node asked, because it asks many viewers at once. */
const SOON_MS = 2_000;

/** Dependencies of renewal. */
export interface GrantRenewalSetup {
  /** Requests a fresh grant from the main server. */
  renew: (grant: string) => Promise<RenewedGrant>;
  /** The newest grant. */
  grant: () => string | undefined;
  /** A fresh grant arrived. */
  renewed: (grant: string) => void;
  now: () => number;
  /** From 0 to 1. */
  random?: () => number;
}

/** Renews the grant of one viewer. */
export class GrantRenewal {
  readonly #setup: GrantRenewalSetup;
  readonly #random: () => number;
  /** Infinity while no renewal is scheduled. */
  #dueMs = Infinity;

  constructor(setup: GrantRenewalSetup) {
    this.#setup = setup;
    this.#random = setup.random ?? Math.random;
  }

  /** The main server issued a grant with this lifetime; undefined if it does not renew grants. */
  took(expiresInS: number | undefined): void {
    const part = EARLIEST + this.#random() * (LATEST - EARLIEST);
    this.#dueMs = expiresInS === undefined ? Infinity : this.#setup.now() + expiresInS * 1000 * part;
  }

  /** The node asked for a fresh grant. */
  asked(): void {
    this.#dueMs = Math.min(this.#dueMs, this.#setup.now() + this.#random() * SOON_MS);
  }

  /** Renews in the background if that is due. */
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
      // Another assignment may have arrived meanwhile.
      if (this.#setup.grant() !== old) return;
      this.took(expires_in_s);
      this.#setup.renewed(grant);
    } catch (error) {
      // A refused grant is replaced when a node refuses it. Older main servers renew none.
      if (['invalid_grant', 'not_found'].includes(asCallError(error).code)) this.#dueMs = Infinity;
    }
  }
}

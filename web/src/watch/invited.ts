// A viewer's invitation to a private stream. It comes behind `#` in the link and is removed from the address. It is
// kept for the tab together with its grant, so that a reload is not another use.

import { takeFromFragment, type Address } from '../browser/fragment';
import type { Memory } from '../browser/storage';
import type { StreamId } from '../protocol/stream';

/** The invitation of this tab. */
export class Invited {
  readonly #memory: Memory;
  readonly #keys: { invitation: string; grant: string };
  #invitation: string | undefined;
  #grant: string | undefined;

  constructor(streamId: StreamId, memory: Memory, address?: Address) {
    this.#memory = memory;
    this.#keys = { invitation: `undead.invitation.${streamId}`, grant: `undead.invited.${streamId}` };
    const remembered = memory.getItem(this.#keys.invitation) ?? undefined;
    const given = takeFromFragment('invitation', address);
    this.#invitation = given ?? remembered;
    if (given !== undefined && given !== remembered) {
      memory.setItem(this.#keys.invitation, given);
      memory.removeItem(this.#keys.grant);
    }
    this.#grant = memory.getItem(this.#keys.grant) ?? undefined;
  }

  /** The invitation to send to the main server; undefined for a viewer without one. */
  get invitation(): string | undefined {
    return this.#invitation;
  }

  /** The newest grant issued for it, which proves that this viewer was admitted before. */
  get grant(): string | undefined {
    return this.#grant;
  }

  /** Records that the main server admitted this viewer. */
  admitted(grant: string): void {
    if (this.#invitation === undefined) return;
    this.#grant = grant;
    this.#memory.setItem(this.#keys.grant, grant);
  }

  /** Drops an invitation that is no longer valid: later requests, even after a reload, go without. */
  forget(): void {
    this.#invitation = undefined;
    this.#grant = undefined;
    this.#memory.removeItem(this.#keys.invitation);
    this.#memory.removeItem(this.#keys.grant);
  }
}

// The window of a live stream that a node keeps, as something to play: the groups of its last seconds, over plain HTTP. The node
// drops what is older, but its time line goes on, and so does this manifest. No DOM.

import { ItemAccess } from '../../library/access';
import type { Manifest, ManifestTake } from '../../protocol/item';
import type { StreamId } from '../../protocol/stream';

/** How long the node's answer about access counts: there is nothing to renew but the viewer's grant. */
const ACCESS_S = 3_600;

/** The window of `streamId` at the node with this address; a private stream needs the viewer's grant. */
export function windowAccess(streamId: StreamId, node: string, grant: () => string, origin: string): ItemAccess {
  return new ItemAccess({
    itemId: streamId,
    path: `streams/${streamId}/window`,
    play: () => Promise.resolve({ grant: grant(), expires_in_s: ACCESS_S, nodes: [node] }),
    keptBase: origin,
    origin,
  });
}

/** A manifest that has everything that was ever in the window, in the order in which it came. */
export class WindowManifest {
  #takes: ManifestTake[] = [];

  /** Takes in what the node has now. */
  merged({ takes, ...rest }: Manifest): Manifest {
    for (const take of takes) this.#add(take);
    return { ...rest, takes: [...this.#takes] };
  }

  #add(take: ManifestTake): void {
    const place = this.#takes.findIndex((known) => isSame(known, take));
    const known = this.#takes[place];
    if (known === undefined) {
      this.#takes.push(take);
      return;
    }
    const endMs = known.fragments.at(-1)?.start_ms ?? -1;
    const fresh = take.fragments.filter(({ start_ms }) => start_ms > endMs);
    this.#takes[place] = { ...take, fragments: [...known.fragments, ...fresh] };
  }
}

function isSame(a: ManifestTake, b: ManifestTake): boolean {
  return a.offset_ms === b.offset_ms && a.mime === b.mime && a.init?.hash === b.init?.hash;
}

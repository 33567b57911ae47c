// The window of a live stream at a node, as a playable item: the groups of its last seconds, over plain HTTP. The node
// drops older groups, but its time line continues, and so does this manifest. No DOM.

import { ItemAccess } from '../../library/access';
import type { Manifest, ManifestTake } from '../../protocol/item';
import type { StreamId } from '../../protocol/stream';
import type { MovingWindow } from './rewind';

/** How long the access is valid: only the viewer's grant needs renewal. */
const ACCESS_S = 3_600;

/** Access to the window of `streamId` at this node; a private stream needs the viewer's grant. */
export function windowAccess(streamId: StreamId, node: string, grant: () => string, origin: string): ItemAccess {
  return new ItemAccess({
    itemId: streamId,
    path: `streams/${streamId}/window`,
    play: () => Promise.resolve({ grant: grant(), expires_in_s: ACCESS_S, nodes: [node] }),
    keptBase: origin,
    origin,
  });
}

/** A manifest of everything that was ever in the window, in order of arrival. */
export class WindowManifest implements MovingWindow {
  readonly isElsewhere: () => boolean;
  #takes: ManifestTake[] = [];
  #startMs = 0;

  constructor(isElsewhere: () => boolean) {
    this.isElsewhere = isElsewhere;
  }

  /** Start of the node's current content. */
  get startMs(): number {
    return this.#startMs;
  }

  /** Adds the node's current content. */
  merged({ takes, ...rest }: Manifest): Manifest {
    this.#startMs = takes[0]?.fragments[0]?.start_ms ?? this.#startMs;
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

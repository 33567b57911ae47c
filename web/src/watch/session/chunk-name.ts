// Order of chunks: by take, then group, then index.

import type { ChunkName } from '../../protocol/event';

/** Negative when `a` plays before `b`, 0 when they are the same chunk. */
export function compareChunks(a: ChunkName, b: ChunkName): number {
  return a.take - b.take || a.group - b.group || a.index - b.index;
}

/** The chunk name within a larger object. */
export function nameOf({ take, group, index }: ChunkName): ChunkName {
  return { take, group, index };
}

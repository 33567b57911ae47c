// Validates a manifest from the network, so that the player can rely on its shape. No DOM.

import { CallError } from '../protocol/error';
import type { BlobName, Fragment, Manifest, ManifestTake, TakeFormat } from '../protocol/item';

const HASH = /^[0-9a-f]{64}$/;

/**
 * Reads `value` as a manifest. Unknown fields and takes without media are dropped.
 *
 * @throws CallError `bad_answer` if it is invalid.
 */
export function readManifest(value: unknown): Manifest {
  const fields = record(value, 'manifest');
  return {
    item_id: text(fields.item_id, 'item_id'),
    is_growing: fields.is_growing === true,
    takes: list(fields.takes, 'takes')
      .map(take)
      .filter(({ fragments }) => fragments.length > 0),
  };
}

function take(value: unknown): ManifestTake {
  const fields = record(value, 'take');
  const own = format(fields);
  const others = fields.alternatives === undefined ? [] : list(fields.alternatives, 'alternatives');
  return {
    ...own,
    offset_ms: fields.offset_ms === undefined ? 0 : number(fields.offset_ms, 'offset_ms', -Infinity),
    // An alternative with fewer fragments cannot replace the take.
    alternatives: others
      .map((other) => format(record(other, 'alternative')))
      .filter(({ fragments }) => fragments.length === own.fragments.length),
  };
}

function format(fields: Record<string, unknown>): TakeFormat {
  return {
    mime: text(fields.mime, 'mime'),
    ...(fields.init === undefined || fields.init === null ? {} : { init: blobName(record(fields.init, 'init')) }),
    fragments: list(fields.fragments, 'fragments').map(fragment),
  };
}

function fragment(value: unknown): Fragment {
  const fields = record(value, 'fragment');
  return {
    ...blobName(fields),
    start_ms: number(fields.start_ms, 'start_ms'),
    duration_ms: number(fields.duration_ms, 'duration_ms'),
  };
}

function blobName(fields: Record<string, unknown>): BlobName {
  const hash = text(fields.hash, 'hash');
  if (!HASH.test(hash)) throw wrong('hash');
  return { hash, bytes: number(fields.bytes, 'bytes') };
}

function record(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(name);
  return value as Record<string, unknown>;
}

function list(value: unknown, name: string): unknown[] {
  if (!Array.isArray(value)) throw wrong(name);
  return value;
}

function text(value: unknown, name: string): string {
  if (typeof value !== 'string') throw wrong(name);
  return value;
}

function number(value: unknown, name: string, least = 0): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < least) throw wrong(name);
  return value;
}

function wrong(name: string): CallError {
  return new CallError('bad_answer', `the manifest has no valid \`${name}\``);
}

// The remedy after a node refused a registration or a segment. Pure.

import type { CallError } from '../protocol/error';

/** `wait`: the link broke, as its own state tells, and may recover. */
export type Remedy = 'give_up' | 'new_take' | 'register_again' | 'wait' | 'next_node';

export function remedyFor(code: CallError['code']): Remedy {
  switch (code) {
    case 'unknown_stream':
    case 'invalid_grant':
    case 'already_publishing':
    case 'unsupported_mime':
      return 'give_up';
    case 'malformed_media':
    case 'invalid_resume':
    case 'stale_take':
    case 'payload_too_large':
      return 'new_take';
    case 'segment_gap':
    case 'not_registered':
      return 'register_again';
    case 'unreachable':
      return 'wait';
    default:
      return 'next_node';
  }
}

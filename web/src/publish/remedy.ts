// What helps when a node refuses a registration or a segment. Pure.

import type { CallError } from '../protocol/error';

/** `wait`: the link broke, which its own state tells; it may come back. */
export type Remedy = 'give_up' | 'new_take' | 'register_again' | 'wait' | 'next_node';

/** What to do after an error with this code. */
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

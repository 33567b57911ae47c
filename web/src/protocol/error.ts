// Errors as they travel: a stable code for programs and a message for people. Mirrors crates/protocol/src/error.rs.

/** Every code a server answers with. Codes are never renamed; a newer server may know more. */
export type ErrorCode =
  | 'invalid_request'
  | 'invalid_title'
  | 'payload_too_large'
  /** Not signed in, where that is needed. */
  | 'unauthorized'
  /** The account may not do this. */
  | 'forbidden'
  /** A call by the session that did not come from this site's pages. */
  | 'csrf'
  | 'wrong_password'
  | 'setup_refused'
  | 'name_taken'
  | 'unknown_account'
  | 'last_operator'
  /** Creating streams needs a stream key or an account here. */
  | 'broadcast_not_allowed'
  | 'unknown_key'
  | 'unknown_invitation'
  /** Missing or no longer valid; the error's `reason` says which. */
  | 'invitation_refused'
  | 'not_found'
  | 'hostname_taken'
  | 'unknown_node'
  | 'unknown_stream'
  /** The node no longer carries the stream, which has not ended. */
  | 'stream_dropped'
  | 'no_node_available'
  /** This node, or every node, is at its limit. */
  | 'no_capacity'
  /** The cluster's store cannot be read or written now; running streams continue. */
  | 'store_unavailable'
  | 'relay_loop'
  | 'invalid_grant'
  | 'wrong_passphrase'
  | 'already_publishing'
  | 'not_registered'
  | 'stale_take'
  | 'unknown_item'
  | 'item_not_ready'
  | 'unknown_upload'
  | 'upload_conflict'
  | 'checksum_mismatch'
  | 'quota_exceeded'
  | 'unsupported_media'
  | 'unknown_blob'
  | 'objects_unavailable'
  /** It does not exist, is over, or is not for the caller to see. */
  | 'unknown_party'
  /** The token no longer belongs to a member, or the party has no such member. */
  | 'unknown_member'
  | 'unknown_entry'
  /** It does not exist, or is not for the caller to see. */
  | 'unknown_job'
  | 'task_lost'
  /** The member may not do this in this party. */
  | 'not_allowed'
  /** The party has another revision than `if_revision`. */
  | 'conflict'
  | 'segment_gap'
  | 'unsupported_mime'
  /** The media cannot be written in any of the formats that were asked for. */
  | 'unsupported_format'
  | 'malformed_media'
  | 'invalid_resume'
  | 'limit_reached'
  | 'internal';

/** Codes that this client assigns when no server answered properly. */
export type LocalErrorCode =
  /** The server or node could not be reached, or the connection broke. */
  | 'unreachable'
  /** No answer in time. */
  | 'timeout'
  /** An answer that violates the protocol. */
  | 'bad_answer';

/** An error as servers send it. */
export interface WireError {
  code: ErrorCode;
  message: string;
  /** Which of several causes applies, for codes that have several. */
  reason?: string;
  /** Seconds until a retry makes sense. */
  retry_after_s?: number;
}

/** Details of a failed call. */
export interface CallErrorOptions extends ErrorOptions {
  /** How long the server asks to wait before the next try. */
  retryAfterMs?: number;
  /** Which of several causes applies. */
  reason?: string;
}

/** A call to the main server or a node that failed. */
export class CallError extends Error {
  override readonly name = 'CallError';
  /** How long the server asks to wait before the next try, if it does. */
  readonly retryAfterMs: number | undefined;
  /** Which of several causes applies, if the server says so. */
  readonly reason: string | undefined;

  /** `code` is for programs, `message` for people. */
  constructor(
    readonly code: ErrorCode | LocalErrorCode,
    message: string,
    options?: CallErrorOptions,
  ) {
    super(message, options);
    this.retryAfterMs = options?.retryAfterMs;
    this.reason = options?.reason;
  }

  /** Whether the same call may work soon or on another node. */
  get transient(): boolean {
    return ['unreachable', 'timeout', 'bad_answer', 'no_node_available', 'limit_reached', 'internal'].includes(
      this.code,
    );
  }

  /** Whether the same call may work later, unchanged: transient errors, and those that a cluster recovers from. */
  get mayPass(): boolean {
    return this.transient || ['store_unavailable', 'objects_unavailable', 'no_capacity'].includes(this.code);
  }
}

/** `error` as a {@link CallError}; other errors become a `bad_answer`. */
export function asCallError(error: unknown): CallError {
  if (error instanceof CallError) return error;
  return new CallError('bad_answer', error instanceof Error ? error.message : 'the call failed', { cause: error });
}

/** Converts a node's refusal into an error. */
export function refusal(error: WireError): CallError {
  const seconds = error.retry_after_s;
  const isTold = typeof seconds === 'number' && seconds > 0;
  return new CallError(error.code, error.message, isTold ? { retryAfterMs: seconds * 1000 } : {});
}

/** The error in `value`, if it has the shape of one. */
export function wireError(value: unknown): WireError | undefined {
  if (typeof value !== 'object' || value === null || !('error' in value)) return undefined;
  const error = value.error;
  if (typeof error !== 'object' || error === null || !('code' in error) || !('message' in error)) return undefined;
  if (typeof error.code !== 'string' || typeof error.message !== 'string') return undefined;
  const reason = 'reason' in error && typeof error.reason === 'string' ? { reason: error.reason } : {};
  const wait =
    'retry_after_s' in error && typeof error.retry_after_s === 'number' ? { retry_after_s: error.retry_after_s } : {};
  return { code: error.code as ErrorCode, message: error.message, ...reason, ...wait };
}

// Texts for refused calls about people. Pure.

import { CallError, type ErrorCode, type LocalErrorCode } from '../protocol/error';
import { strings } from '../strings';
import { sentence } from '../strings/sentence';

const texts = strings.people.problems;

const WORDS: Partial<Record<ErrorCode | LocalErrorCode, string>> = {
  wrong_password: texts.wrongPassword,
  unauthorized: texts.signedOut,
  forbidden: texts.forbidden,
  name_taken: texts.nameTaken,
  unknown_account: texts.unknownAccount,
  last_operator: texts.lastOperator,
  setup_refused: texts.setupRefused,
  unknown_key: texts.unknownKey,
  unknown_invitation: texts.unknownInvitation,
  unknown_stream: strings.admin.streams.unknown,
  broadcast_not_allowed: texts.wrongKey,
  csrf: texts.csrf,
  unreachable: texts.unreachable,
  timeout: texts.unreachable,
  store_unavailable: texts.away,
};

/** The reason of a failed call, for the person who made it. */
export function refusalText(error: unknown): string {
  if (!(error instanceof CallError)) return texts.other;
  const { code, message, retryAfterMs } = error;
  if (code === 'limit_reached') {
    return retryAfterMs === undefined ? texts.tooMany : texts.tooManyUntil(Math.ceil(retryAfterMs / 1000));
  }
  // The server's message names the field and is more exact than a general text.
  if (code === 'invalid_request') return sentence(message);
  return WORDS[code] ?? texts.other;
}

/** Whether the session has ended. */
export function isSignedOut(error: unknown): boolean {
  return error instanceof CallError && error.code === 'unauthorized';
}

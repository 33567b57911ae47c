// What a refused call about people means, in words. Pure: errors in, texts out.

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

/** Why a call failed, for the person who asked for it. */
export function refusalText(error: unknown): string {
  if (!(error instanceof CallError)) return texts.other;
  const { code, message, retryAfterMs } = error;
  if (code === 'limit_reached') {
    return retryAfterMs === undefined ? texts.tooMany : texts.tooManyUntil(Math.ceil(retryAfterMs / 1000));
  }
  // What the server says about a field is more exact than anything that could be said here.
  if (code === 'invalid_request') return sentence(message);
  return WORDS[code] ?? texts.other;
}

/** Whether the session is over. */
export function isSignedOut(error: unknown): boolean {
  return error instanceof CallError && error.code === 'unauthorized';
}

// What a refused call about a party means, in words. Pure: errors in, texts out.

import { refusalText } from '../../people/problems';
import { CallError } from '../../protocol/error';
import { strings } from '../../strings';

const texts: Partial<Record<string, string>> = strings.party.problems;

/** Why a call failed, for the person who asked for it. */
export function refusal(error: unknown): string {
  return (error instanceof CallError ? texts[error.code] : undefined) ?? refusalText(error);
}

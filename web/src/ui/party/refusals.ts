// Texts for refused calls about parties. Pure.

import { refusalText } from '../../people/problems';
import { CallError } from '../../protocol/error';
import { strings } from '../../strings';

const texts: Partial<Record<string, string>> = strings.party.problems;

/** The reason of a failed call, for the person who made it. */
export function refusal(error: unknown): string {
  return (error instanceof CallError ? texts[error.code] : undefined) ?? refusalText(error);
}

// Texts for failed uploads. Pure.

import { CallError } from '../../protocol/error';
import { strings } from '../../strings';
import { sentence } from '../../strings/sentence';

const texts = strings.uploads.problems;

/**
 * The reason of a failed upload, for the person who started it. The server's message about a file is shown unchanged.
 */
export function uploadProblem(problem: CallError | string): string {
  if (typeof problem === 'string') return sentence(problem) || texts.other;
  const { code, message } = problem;
  if (code === 'unsupported_media') return sentence(message) || texts.unsupported_media;
  if (code === 'timeout') return texts.unreachable;
  return code in texts ? texts[code as keyof typeof texts] : texts.other;
}

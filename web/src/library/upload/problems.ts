// Why an upload failed, in words. Pure.

import { CallError } from '../../protocol/error';
import { strings } from '../../strings';
import { sentence } from '../../strings/sentence';

const texts = strings.uploads.problems;

/** Why an upload failed, for the person who began it. What the server says about a file is shown as it is. */
export function uploadProblem(problem: CallError | string): string {
  if (typeof problem === 'string') return sentence(problem) || texts.other;
  const { code, message } = problem;
  if (code === 'unsupported_media') return sentence(message) || texts.unsupported_media;
  if (code === 'timeout') return texts.unreachable;
  return code in texts ? texts[code as keyof typeof texts] : texts.other;
}

// Uploads one file to the library over tus (https://tus.io/protocols/resumable-upload). Parts sent before a reload or a
// broken connection are not sent again.

import { Upload, type DetailedError, type HttpResponse } from 'tus-js-client';
import { site } from '../../browser/site';
import { CallError, wireError } from '../../protocol/error';
import type { ItemId } from '../../protocol/item';

/** Pauses before retries, in ms; the last one is repeated as long as some bytes are sent between failures. */
const RETRY_PAUSES_MS = [0, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000];

/** Callbacks of a transfer. */
export interface TransferListener {
  /** The total of sent bytes. */
  progress(sentBytes: number): void;
  /** The server has the whole file and creates an item from it. */
  complete(itemId: ItemId): void;
  failed(error: CallError): void;
}

/** An upload in progress. */
export interface Transfer {
  /** Stops sending; {@link Transfer.resume} continues. */
  pause(): void;
  resume(): void;
  /** Stops, and deletes the sent part at the server. */
  cancel(): void;
}

/** Begins to upload `file`. */
export type StartTransfer = (file: File, listener: TransferListener) => Transfer;

/** Uploads over tus. */
export const startTransfer: StartTransfer = (file, listener) => {
  const upload = new Upload(file, {
    endpoint: site('/api/uploads'),
    // Pages of another site cannot send it: see api/client.ts.
    headers: { 'X-Undead-CSRF': '1' },
    metadata: { filename: file.name },
    retryDelays: RETRY_PAUSES_MS,
    removeFingerprintOnSuccess: true,
    onProgress: (sentBytes) => listener.progress(sentBytes),
    onSuccess: () => {
      void itemOf(upload).then(
        (itemId) => listener.complete(itemId),
        (error: unknown) => listener.failed(callError(error)),
      );
    },
    onError: (error) => listener.failed(callError(error)),
  });
  void resumeAndStart(upload);
  return {
    pause: () => void upload.abort(),
    resume: () => upload.start(),
    cancel: () => void upload.abort(true).catch(() => undefined),
  };
};

/** Continues an earlier upload of the same file from this browser, if there is one. */
async function resumeAndStart(upload: Upload): Promise<void> {
  const [previous] = await upload.findPreviousUploads().catch(() => []);
  if (previous !== undefined) upload.resumeFromPreviousUpload(previous);
  upload.start();
}

/** The item of a complete upload; the server names it in the answer to HEAD. */
async function itemOf(upload: Upload): Promise<ItemId> {
  const response = await fetch(upload.url ?? '', { method: 'HEAD', headers: { 'Tus-Resumable': '1.0.0' } });
  const itemId = response.headers.get('Undead-Item');
  if (itemId === null) throw new CallError('bad_answer', 'the upload is complete, and the server named no item');
  return itemId;
}

function callError(error: unknown): CallError {
  if (error instanceof CallError) return error;
  const response = (error as Partial<DetailedError>).originalResponse ?? undefined;
  const refused = response && refusal(response);
  return refused ?? new CallError('unreachable', 'the upload broke off', { cause: error });
}

function refusal(response: HttpResponse): CallError | undefined {
  try {
    const error = wireError(JSON.parse(response.getBody()));
    return error && new CallError(error.code, error.message);
  } catch {
    return undefined;
  }
}

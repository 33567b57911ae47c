// Sends one file to the library over tus (https://tus.io/protocols/resumable-upload). What was sent before a reload or a
// broken connection is not sent again.

import { Upload, type DetailedError, type HttpResponse } from 'tus-js-client';
import { site } from '../../browser/site';
import { CallError, wireError } from '../../protocol/error';
import type { ItemId } from '../../protocol/item';

/** Pauses before another try, in ms; the last one is repeated for as long as something was sent between two failures. */
const RETRY_PAUSES_MS = [0, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000];

/** What is told of a transfer. */
export interface TransferListener {
  /** So many bytes have been sent. */
  progress(sentBytes: number): void;
  /** The server has the whole file and makes an item of it. */
  complete(itemId: ItemId): void;
  failed(error: CallError): void;
}

/** A file on its way. */
export interface Transfer {
  /** Stops sending; {@link Transfer.resume} goes on. */
  pause(): void;
  resume(): void;
  /** Stops, and has the server forget what it has. */
  cancel(): void;
}

/** Begins to send `file`. */
export type StartTransfer = (file: File, listener: TransferListener) => Transfer;

/** Sends over tus. */
export const startTransfer: StartTransfer = (file, listener) => {
  const upload = new Upload(file, {
    endpoint: site('/api/uploads'),
    // A page of another site cannot send it: see api/client.ts.
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

/** Goes on with an upload of the same file that this browser began earlier, if there is one. */
async function resumeAndStart(upload: Upload): Promise<void> {
  const [previous] = await upload.findPreviousUploads().catch(() => []);
  if (previous !== undefined) upload.resumeFromPreviousUpload(previous);
  upload.start();
}

/** The item that a complete upload becomes: the server names it in the head of the upload. */
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

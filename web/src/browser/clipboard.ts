// Copying text. The clipboard API is missing on insecure addresses (plain http) and may be forbidden in frames; the older
// command works in more places, but only for what is selected.

/** A text field. */
export type Field = Pick<HTMLInputElement, 'focus' | 'select'>;

/** What a browser offers for copying. */
export interface Clipboard {
  /** `navigator.clipboard`, where there is one. */
  api: { writeText(text: string): Promise<void> } | undefined;
  /** `document.execCommand('copy')`: copies the selection, false where that is not possible. */
  copySelection: () => boolean;
}

/** This browser's. */
function clipboard(): Clipboard {
  return {
    api: navigator.clipboard,
    // Deprecated, and the only way on plain http.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    copySelection: () => document.execCommand('copy'),
  };
}

/** Copies `text`, which `field` shows. False if it could not be copied: the field is focused and selected then. */
export async function copyText(text: string, field: Field, { api, copySelection } = clipboard()): Promise<boolean> {
  try {
    if (api) {
      await api.writeText(text);
      return true;
    }
  } catch {
    // Not allowed here; the selection may be.
  }
  field.focus();
  field.select();
  try {
    return copySelection();
  } catch {
    return false;
  }
}

/** The keys that copy on a computer with this `platform`. */
export function copyKeys(platform: string = globalThis.navigator.platform): string {
  return /mac|iphone|ipad/i.test(platform) ? '⌘C' : 'Ctrl+C';
}

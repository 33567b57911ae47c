// Copies text. The clipboard API is missing on insecure addresses (plain http) and may be forbidden in frames. The
// older command works in more places, but only for selected text.

/** The part of a text field that copying uses. */
export type Field = Pick<HTMLInputElement, 'focus' | 'select'>;

/** The browser's means of copying. */
export interface Clipboard {
  /** `navigator.clipboard`, if there is one. */
  api: { writeText(text: string): Promise<void> } | undefined;
  /** `document.execCommand('copy')`: copies the selection; false if that is not possible. */
  copySelection: () => boolean;
}

/** The means of this browser. */
function clipboard(): Clipboard {
  return {
    api: navigator.clipboard,
    // Deprecated, but the only way on plain http.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    copySelection: () => document.execCommand('copy'),
  };
}

/** Copies `text`, which `field` shows. If that fails, it returns false and leaves the field focused and selected. */
export async function copyText(text: string, field: Field, { api, copySelection } = clipboard()): Promise<boolean> {
  try {
    if (api) {
      await api.writeText(text);
      return true;
    }
  } catch {
    // The API is not allowed here; the selection may be.
  }
  field.focus();
  field.select();
  try {
    return copySelection();
  } catch {
    return false;
  }
}

/** The key combination that copies on a computer with this `platform`. */
export function copyKeys(platform: string = globalThis.navigator.platform): string {
  return /mac|iphone|ipad/i.test(platform) ? '⌘C' : 'Ctrl+C';
}

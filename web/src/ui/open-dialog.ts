// Whether a modal dialog is open in any element: `:modal` does not look into shadow trees.

/** Whether a dialog is open in `root` or its descendants, shadow trees included. */
export function hasOpenDialog(root: ParentNode): boolean {
  for (const element of root.querySelectorAll('*')) {
    if (element.matches('dialog[open]')) return true;
    if (element.shadowRoot !== null && hasOpenDialog(element.shadowRoot)) return true;
  }
  return false;
}

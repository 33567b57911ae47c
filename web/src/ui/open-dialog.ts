// Whether a modal dialog is open, in whichever element: `:modal` does not look into shadow trees.

/** Whether one is open in `root`, or in an element there. */
export function hasOpenDialog(root: ParentNode): boolean {
  for (const element of root.querySelectorAll('*')) {
    if (element.matches('dialog[open]')) return true;
    if (element.shadowRoot !== null && hasOpenDialog(element.shadowRoot)) return true;
  }
  return false;
}

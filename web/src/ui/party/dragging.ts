// Drags a row of a list to another place by a handle within it, with a mouse, a pen or a finger. The other rows make
// room meanwhile. The list itself changes when its owner moves the row.

/** Handles the drags of one list. */
export class Dragging {
  readonly #moved: (id: string, before: readonly string[]) => void;

  /** `moved` receives the dropped row and the rows that now come before it. */
  constructor(moved: (id: string, before: readonly string[]) => void) {
    this.#moved = moved;
  }

  /** A pointer went down on the handle of the row of `ids` at index `from`. The list may change during the drag. */
  begin(event: PointerEvent, ids: readonly string[], from: number): void {
    const handle = event.currentTarget;
    if (event.button !== 0 || !(handle instanceof HTMLElement)) return;
    const row = handle.closest('li');
    const rows = [...(row?.parentElement?.children ?? [])].filter((other) => other instanceof HTMLElement);
    if (row === null || rows.length < 2) return;
    const boxes = rows.map((other) => other.getBoundingClientRect());
    const height = (boxes[1]?.top ?? 0) - (boxes[0]?.top ?? 0);
    let to = from;
    handle.setPointerCapture(event.pointerId);
    row.classList.add('dragged');
    const move = ({ clientY }: PointerEvent): void => {
      const by = clientY - event.clientY;
      to = placeOf(from + by / height, rows.length);
      rows.forEach((other, at) => (other.style.transform = shift(at, from, to, by, height)));
    };
    const end = ({ type }: Event): void => {
      handle.removeEventListener('pointermove', move);
      for (const ending of ENDINGS) handle.removeEventListener(ending, end);
      row.classList.remove('dragged');
      for (const other of rows) other.style.transform = '';
      const id = ids[from];
      if (type !== 'pointerup' || to === from || id === undefined) return;
      this.#moved(id, ids.filter((other) => other !== id).slice(0, to));
    };
    handle.addEventListener('pointermove', move);
    for (const ending of ENDINGS) handle.addEventListener(ending, end);
  }
}

const ENDINGS = ['pointerup', 'pointercancel', 'lostpointercapture'];

/** The index nearest to the dragged row. */
export function placeOf(at: number, rows: number): number {
  return Math.min(rows - 1, Math.max(0, Math.round(at)));
}

/** The transform of row `at` while row `from` is dragged by `by` pixels to index `to`. */
function shift(at: number, from: number, to: number, by: number, height: number): string {
  if (at === from) return `translateY(${by}px)`;
  if (at > from && at <= to) return `translateY(${-height}px)`;
  if (at < from && at >= to) return `translateY(${height}px)`;
  return '';
}

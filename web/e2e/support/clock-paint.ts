// Paints the clock. It is sent to pages as text, so it must be self-contained.

/**
 * Paints a picture on `canvas` that contains the time of painting, and again whenever the browser draws; a `still` one
 * is painted once, like a slide. The strip at the top left is 40 cells of a width of 1/80: white, black, 24 bits of
 * Date.now() modulo 2^24, 12 bits of frame counter (most significant first), then the parity of the even and of the odd
 * cells 2 to 37.
 */
export function paintClock(canvas: HTMLCanvasElement, still: boolean): void {
  const context = canvas.getContext('2d', { alpha: false });
  if (!context) throw new Error('no canvas');
  context.scale(canvas.width / 1280, canvas.height / 720);
  let counter = 0;
  paint(context);
  if (!still) repeat(context);

  function repeat(to: CanvasRenderingContext2D): void {
    requestAnimationFrame(() => {
      paint(to);
      repeat(to);
    });
  }

  function paint(to: CanvasRenderingContext2D): void {
    counter = (counter + 1) % 4096;
    const nowMs = Date.now();
    to.fillStyle = '#16202c';
    to.fillRect(0, 0, 1280, 720);
    to.fillStyle = '#7fd1ae';
    to.beginPath();
    to.arc(640 + 480 * Math.sin(nowMs / 700), 430, 70, 0, 2 * Math.PI);
    to.fill();
    to.fillStyle = '#fff';
    to.font = '64px monospace';
    to.fillText(new Date(nowMs).toISOString().slice(11, 23), 60, 180);
    to.fillText(`frame ${counter}`, 60, 260);
    strip(nowMs, counter).forEach((bit, cell) => {
      to.fillStyle = bit ? '#fff' : '#000';
      to.fillRect(cell * 16, 0, 16, 32);
    });
  }

  function strip(clockMs: number, frame: number): number[] {
    const bits = [1, 0, ...toBits(clockMs % 2 ** 24, 24), ...toBits(frame, 12)];
    const parity = (odd: number): number =>
      bits.reduce((sum, bit, cell) => (cell > 1 && cell % 2 === odd ? sum ^ bit : sum), 0);
    return [...bits, parity(0), parity(1)];
  }

  function toBits(value: number, count: number): number[] {
    return Array.from({ length: count }, (_, index) => Math.floor(value / 2 ** (count - 1 - index)) % 2);
  }
}

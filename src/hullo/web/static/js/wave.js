// The outline of a message: one bar for each of its levels, 0 to 31, those that were played in colour.

const HIGHEST = 31;
const REST = 0.35; // opacity of what was not played yet

/** `played` is the share from the beginning, 0 to 1. */
export function drawWave(canvas, levels, played) {
  const width = Math.round(canvas.clientWidth * devicePixelRatio);
  const height = Math.round(canvas.clientHeight * devicePixelRatio);
  if (!width) return;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const paint = canvas.getContext("2d");
  paint.clearRect(0, 0, width, height);
  paint.fillStyle = getComputedStyle(canvas).color;
  const step = width / levels.length;
  levels.forEach((level, index) => {
    const tall = Math.max((height * level) / HIGHEST, height * 0.06);
    paint.globalAlpha = (index + 0.5) / levels.length <= played ? 1 : REST;
    paint.fillRect(index * step, (height - tall) / 2, Math.max(step * 0.65, 1), tall);
  });
}

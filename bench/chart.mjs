/** `--chart FILE`: what the topics socket and bulk measured, relative to the C server, as one SVG. */
import { writeFileSync } from 'node:fs';

/** Names and colours that are legible on white and on black. */
const series = [
  ['C', '#888888'],
  ['Redis', '#d1605e'],
  ['ESDM', '#b08a3e'],
  ['entropyd', '#3f7fd1'],
];

/**
 * ESDM 1.2.4's RPC where it is not measured: AMD Zen 5, November 2026, three rounds, beside the same C
 * server. It does not pipeline; bulk is its build with OpenSSL's CTR_DRBG.
 */
const cited = { '1x1': 0.81, '32x1': 0.68, 'bulk 1 MiB': 0.46 };

const [width, height, left, top, plot] = [760, 330, 44, 44, 220];

/** A new chart, to which topics add their figures. */
export function newChart() {
  /** By group, in their order, the ratios by series. */
  const groups = new Map();
  return {
    /** @param ratios by series, each relative to C */
    add(group, ratios) {
      groups.set(group, ratios);
    },
    /** @throws Error if there is nothing to draw */
    write(file) {
      if (groups.size === 0) throw new Error('a chart needs the topics socket or bulk');
      writeFileSync(file, draw(groups));
    },
  };
}

function draw(groups) {
  const all = [...groups].map(([name, ratios]) => [name, { ESDM: cited[name], ...ratios, C: 1 }]);
  const highest = Math.max(
    ...all.flatMap(([, ratios]) => Object.values(ratios).map((v) => v ?? 0)),
  );
  const scale = plot / Math.ceil(highest * 2) / 0.5;
  const y = (value) => (top + plot - value * scale).toFixed(1);
  const step = (width - left - 10) / all.length;
  const bar = step / (series.length + 1.5);
  const parts = [];
  for (let value = 0; value <= highest + 0.25; value += 0.25)
    parts.push(
      `<line x1="${left}" x2="${width - 10}" y1="${y(value)}" y2="${y(value)}" stroke="#8884"/>`,
      text(left - 6, y(value), value.toFixed(2), 'end'),
    );
  all.forEach(([name, ratios], i) => {
    const start = left + i * step + bar * 0.75;
    series.forEach(([key, colour], j) => {
      const value = ratios[key];
      const x = start + j * bar;
      if (value === undefined) {
        parts.push(text(x + bar / 2, y(0.02), '–', 'middle'));
        return;
      }
      const isCited = key === 'ESDM' && value === cited[name];
      parts.push(
        `<rect x="${x.toFixed(1)}" y="${y(value)}" width="${(bar * 0.9).toFixed(1)}" ` +
          `height="${(value * scale).toFixed(1)}" fill="${colour}"${isCited ? ' fill-opacity=".5"' : ''}/>`,
        text(x + bar * 0.45, Number(y(value)) - 4, value.toFixed(2), 'middle'),
      );
    });
    parts.push(text(left + (i + 0.5) * step, top + plot + 18, name, 'middle'));
  });
  series.forEach(([key, colour], i) => {
    const x = left + i * 90;
    parts.push(
      `<rect x="${x}" y="12" width="12" height="12" fill="${colour}"/>`,
      text(x + 17, 22, key, 'start'),
    );
  });
  const note =
    'Requests of 32 bytes a second (connections x in flight) and bulk, relative to a C server; one core. Pale: measured elsewhere.';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${note}">
<style>text{font:11px sans-serif;fill:#777}</style>
${parts.join('\n')}
${text(left, height - 14, note, 'start')}
</svg>
`;
}

function text(x, y, content, anchor) {
  return `<text x="${Number(x).toFixed(1)}" y="${y}" text-anchor="${anchor}">${content}</text>`;
}

/** What every report says, and its style. */

/** Readable on a screen and on paper. */
export const style = `
:root { color-scheme: light; font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; background: #fff; }
body { max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; break-after: avoid; }
.result { border: 2px solid #1b1f24; padding: .75rem 1rem; font-size: 1.1rem; }
.result[data-passed="false"] { border-color: #b42318; }
table { border-collapse: collapse; margin: 1rem 0; width: 100%; font-variant-numeric: tabular-nums; break-inside: avoid; }
caption, figcaption { text-align: left; font-weight: 600; padding: .25rem 0; }
th, td { border-bottom: 1px solid #d0d7de; padding: .2rem .5rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0; }
dt { font-weight: 600; } dd { margin: 0; overflow-wrap: anywhere; }
pre { background: #f6f8fa; padding: .75rem; white-space: pre-wrap; overflow-wrap: anywhere; }
figure { margin: 1rem 0; break-inside: avoid; }
svg { width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: #57606a; }
.axis { stroke: #57606a; fill: none; } .data { stroke: #0969da; fill: none; }
@media (min-width: 40rem), print { thead th { overflow-wrap: normal; } }
.event { stroke: #b42318; stroke-width: 2; fill: none; }
.mark { stroke: #b42318; stroke-dasharray: 4 3; fill: none; }
@media print { body { margin: 0; max-width: none; } @page { margin: 15mm; } }
`;

/** The policy forbids what the file has no use for, whoever adds to it. */
export const policy = "default-src 'none'; style-src 'unsafe-inline'";

/** What a reader could conclude from the figures, and must not. */
export const unproven = [
  'No estimate proves entropy. AES-256 in counter mode under a key of zeros has no entropy and gets 7.14 of 8 bits from the same estimators: they look for patterns that they know, and a conditioner or a generator removes those without adding entropy.',
  'Only raw samples say something about a noise source. Those of CPU instructions and of getrandom(2) are conditioned before anyone can read them.',
  'A restart here is a new instance of the source in this process: a device is opened again, memory mapped again. The hardware was not switched off, and what it keeps between two opens is not seen.',
  'The figures are of this host, this load and this hour. They are not a validation, and entropyd credits nothing because of them.',
  'SP 800-90B 3.1.3 takes the least of these estimates and of the entropy that the designer claims; why so much is claimed is not in this report.',
];

/** Clauses of SP 800-90B, and the sections of a report. */
export const clauses: readonly (readonly [clause: string, subject: string, here: string])[] = [
  ['90B 3.1.1', 'sequential dataset of 1,000,000 samples', 'Data'],
  ['90B 3.1.3', 'least estimate, per sample and per bit', 'Estimates'],
  ['90B 3.1.4.1', 'restart data, rows and columns', 'Data; Restart tests'],
  ['90B 3.1.4.2', 'validation test', 'Restart tests'],
  ['90B 3.1.4.3', 'sanity check', 'Restart tests'],
  ['90B 4.3', 'alarm thresholds and reactions', 'Health tests'],
  ['90B 4.4.1', 'repetition count test', 'Health tests'],
  ['90B 4.4.2', 'adaptive proportion test', 'Health tests'],
  ['90B 6.3.1 to 6.3.10', 'estimators', 'Estimates'],
  ['90B 3.2.2', 'description of the noise source', 'not in this report'],
  ['90B 3.1.5', 'conditioning component', 'not in this report'],
];

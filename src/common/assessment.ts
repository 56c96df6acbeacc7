/** What the addon's `assess` and `readSource` take and give. */

/** An estimator's result, bits of min-entropy; null if it does not apply to the samples. */
export interface Estimate {
  name: string;
  /** Per sample. */
  literal: number | null;
  /** Per bit of the samples; null too for samples of at most two values. */
  bitstring: number | null;
}

/** Min-entropy of samples as SP 800-90B 3.1.3 estimates it for sources that are not IID. */
export interface Assessment {
  bitsPerSymbol: number;
  /** Values that occur. */
  distinct: number;
  /** In the order of SP 800-90B 6.3. */
  estimates: Estimate[];
  /** The least estimate per sample. */
  hOriginal: number;
  /** The least estimate per bit. */
  hBitstring: number | null;
  /** Bits per sample: the least of `hOriginal` and `bitsPerSymbol` times `hBitstring`. */
  minEntropy: number;
}

/** A source that an assessment reads by itself. */
export interface SourceToRead {
  name: string;
  /** A device's file; empty for a built-in source. */
  path: string;
  /** H of a device's health tests; a built-in source has its own. */
  testedBitsPerByte: number;
}

/** A source's traits, and the parameters of its continuous health tests (SP 800-90B 4.4). */
export interface SourceDescription extends SourceToRead {
  physical: boolean;
  /** Whether samples are 64-bit words, to which the tests on words apply too. */
  words: boolean;
  /** What entropyd credits to a built-in source; 0 for a device. */
  creditedBitsPerByte: number;
  /** Samples of the startup test. */
  startupBytes: number;
  /** False-alarm probability of an alarm, and of a permanent one: powers of two. */
  alphaLog2: number;
  permanentAlphaLog2: number;
  repetitionCutoff: number;
  repetitionPermanentCutoff: number;
  /** W of the adaptive proportion test. */
  proportionWindow: number;
  proportionCutoff: number;
  proportionPermanentCutoff: number;
}

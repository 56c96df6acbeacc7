export const maxGrowthBytes: number;
export function growth(samples: readonly number[]): number;

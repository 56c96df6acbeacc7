// Suffix arrays and longest common prefixes, on which the tuple estimators rest.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace entropyd {

// The starts of all suffixes of `text` in lexical order; an end sorts before every symbol.
// `text`: 1 to 2^31 - 1 symbols below `alphabet`.
std::vector<int32_t> SuffixArray(std::span<const uint8_t> text, unsigned alphabet);

// For each suffix in lexical order the length of the prefix that it shares with the one before; 0
// for the first. Takes the suffix array's memory.
std::vector<int32_t> CommonPrefixes(std::span<const uint8_t> text, std::vector<int32_t> suffixes);

}  // namespace entropyd

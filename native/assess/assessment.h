// The min-entropy of a sequence of samples as SP 800-90B 3.1.3 estimates it for a noise source that
// is not claimed to be IID: the least of ten estimates, over the samples and over their bits.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace entropyd {

struct Estimate {
  const char* name;
  // Bits per sample. Missing if the estimator is for bits and the samples are not, or if it found
  // nothing to count.
  std::optional<double> literal;
  // Bits per bit of the samples, most significant bit first. Missing also for samples of two
  // values, and if they were not asked for.
  std::optional<double> bitstring;
};

struct Assessment {
  std::string error;  // why there is no assessment, or empty
  unsigned bits_per_symbol = 0;
  unsigned distinct = 0;  // values that occur
  std::array<Estimate, 10> estimates{};
  double h_original = 0;
  std::optional<double> h_bitstring;
  double min_entropy = 0;  // bits per sample: min(h_original, bits_per_symbol * h_bitstring)
};

// `samples`: one in each byte. `bits_per_symbol`: 1 to 8, or 0 for as few as hold the largest
// sample. `literal_only` leaves out the estimates per bit, as restart data want it (3.1.4.2). The
// error says so of too few samples, too many bits, and of a sample that is too wide.
Assessment Assess(std::span<const uint8_t> samples, unsigned bits_per_symbol,
                  bool literal_only = false);

}  // namespace entropyd

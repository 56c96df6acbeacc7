// The way from samples to estimates.
#include "assess/assessment.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "assess/estimators.h"

namespace entropyd {
namespace {

constexpr std::array kNames{"Most Common Value",   "Collision",      "Markov",
                            "Compression",         "t-Tuple",        "LRS",
                            "MultiMCW Prediction", "Lag Prediction", "MultiMMC Prediction",
                            "LZ78Y Prediction"};

using Values = std::array<std::optional<double>, kNames.size()>;

Values RunAll(const Symbols& symbols) {
  Values values;
  values[0] = MostCommonValue(symbols);
  if (symbols.alphabet == 2) {
    values[1] = Collision(symbols);
    values[2] = Markov(symbols);
    values[3] = Compression(symbols);
  }
  const TupleEstimates tuples = Tuples(symbols);
  values[4] = tuples.t_tuple;
  values[5] = tuples.longest_repeated_substring;
  values[6] = MultiMostCommonInWindow(symbols);
  values[7] = Lag(symbols);
  values[8] = MultiMarkovModelWithCounting(symbols);
  values[9] = Lz78y(symbols);
  return values;
}

double Least(const Values& values, double most) {
  for (const auto& value : values) most = std::min(most, value.value_or(most));
  return most;
}

std::vector<uint8_t> Bits(std::span<const uint8_t> samples, unsigned width) {
  std::vector<uint8_t> bits;
  bits.reserve(samples.size() * width);
  for (const uint8_t sample : samples)
    for (unsigned bit = width; bit-- > 0;) bits.push_back(sample >> bit & 1);
  return bits;
}

// Without gaps in their values, in the same order: tables and ties then are those of NIST's tool.
std::vector<uint8_t> Renumbered(std::span<const uint8_t> samples,
                                const std::array<bool, 256>& occurs) {
  std::array<uint8_t, 256> numbers{};
  uint8_t next = 0;
  for (size_t value = 0; value < occurs.size(); ++value)
    if (occurs[value]) numbers[value] = next++;
  std::vector<uint8_t> symbols(samples.size());
  std::ranges::transform(samples, symbols.begin(), [&](uint8_t sample) { return numbers[sample]; });
  return symbols;
}

}  // namespace

Assessment Assess(std::span<const uint8_t> samples, unsigned bits_per_symbol, bool literal_only) {
  Assessment result;
  if (samples.size() < kMinSymbols) {
    result.error = "want at least " + std::to_string(kMinSymbols) + " samples, and 1,000,000 for " +
                   "SP 800-90B: " + std::to_string(samples.size());
    return result;
  }
  std::array<bool, 256> occurs{};
  for (const uint8_t sample : samples) occurs[sample] = true;
  const auto largest = static_cast<unsigned>(
      std::ranges::find(occurs.rbegin(), occurs.rend(), true).base() - occurs.begin() - 1);
  const unsigned needed = std::max(1U, static_cast<unsigned>(std::bit_width(largest)));
  if (bits_per_symbol != 0 && needed > bits_per_symbol) {
    const auto wide = std::ranges::find_if(
        samples, [=](uint8_t sample) { return sample >> bits_per_symbol != 0; });
    result.error = "the sample at byte " + std::to_string(wide - samples.begin()) + " is " +
                   std::to_string(*wide) + ", which takes more than " +
                   std::to_string(bits_per_symbol) + " bits";
    return result;
  }
  const unsigned width = bits_per_symbol == 0 ? needed : bits_per_symbol;
  if (samples.size() > kMaxSymbols / width) {
    result.error = "want at most " + std::to_string(kMaxSymbols) +
                   " bits: " + std::to_string(samples.size()) + " samples of " +
                   std::to_string(width);
    return result;
  }
  result.bits_per_symbol = width;
  result.distinct = static_cast<unsigned>(std::ranges::count(occurs, true));
  const bool has_bits = result.distinct > 2 && !literal_only;
  Values literal;
  Values bitstring;
  if (result.distinct == 1) {
    literal.fill(0);
  } else {
    literal = RunAll({Renumbered(samples, occurs), result.distinct});
    if (has_bits) bitstring = RunAll({Bits(samples, width), 2});
  }
  for (size_t i = 0; i < kNames.size(); ++i)
    result.estimates[i] = {kNames[i], literal[i], bitstring[i]};
  result.h_original = Least(literal, width);
  result.min_entropy = result.h_original;
  if (has_bits) {
    result.h_bitstring = Least(bitstring, 1);
    result.min_entropy = std::min(result.h_original, width * *result.h_bitstring);
  }
  return result;
}

}  // namespace entropyd

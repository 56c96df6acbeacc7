// The estimators of SP 800-90B 6.3.1 to 6.3.4, which need counts and mean distances only.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "assess/estimators.h"

namespace entropyd {
namespace {

// The normal distribution's quantile of 0.995.
constexpr double kZ = 2.5758293035489008;

}  // namespace

double UpperBound(double proportion, double count) {
  return std::min(1.0, proportion + kZ * std::sqrt(proportion * (1 - proportion) / (count - 1)));
}

double MinEntropy(double probability) { return probability >= 1 ? 0 : -std::log2(probability); }

double MostCommonValue(const Symbols& symbols) {
  std::array<uint32_t, 256> counts{};
  for (const uint8_t symbol : symbols.values) ++counts[symbol];
  const auto n = static_cast<double>(symbols.values.size());
  return MinEntropy(UpperBound(*std::ranges::max_element(counts) / n, n));
}

// Two equal bits collide after 2 samples, others after 3.
double Collision(const Symbols& symbols) {
  const std::span<const uint8_t> bits = symbols.values;
  size_t at = 0;
  double collisions = 0;
  double squares = 0;
  while (at + 1 < bits.size()) {
    const size_t time = bits[at] == bits[at + 1] ? 2 : 3;
    if (at + time > bits.size()) break;
    at += time;
    ++collisions;
    squares += static_cast<double>(time * time);
  }
  const auto sum = static_cast<double>(at);
  const double mean = sum / collisions;
  const double deviation = std::sqrt(std::max(0.0, squares - sum * mean) / (collisions - 1));
  const double bound = std::max(2.0, mean - kZ * deviation / std::sqrt(collisions));
  // For bits step 7 is X' = 2 + 2p - 2p^2, of which p >= 1/2 is wanted; beyond 2.5 there is none.
  return bound < 2.5 ? MinEntropy(0.5 + std::sqrt(1.25 - 0.5 * bound)) : 1;
}

// The likeliest sequence of 128 bits in a first-order Markov model is one of six.
double Markov(const Symbols& symbols) {
  constexpr double kLength = 128;
  const std::span<const uint8_t> bits = symbols.values;
  std::array<std::array<double, 2>, 2> pairs{};
  for (size_t i = 0; i + 1 < bits.size(); ++i) ++pairs[bits[i]][bits[i + 1]];
  // Negative logarithms of probabilities; an impossible transition is infinite.
  std::array<double, 2> first{};
  std::array<std::array<double, 2>, 2> next{};
  for (const unsigned bit : {0U, 1U}) {
    const double count = pairs[bit][0] + pairs[bit][1];
    const double last = bits.back() == bit ? 1 : 0;
    first[bit] = -std::log2((count + last) / static_cast<double>(bits.size()));
    for (const unsigned to : {0U, 1U})
      next[bit][to] = pairs[bit][to] > 0 ? -std::log2(pairs[bit][to] / count) : INFINITY;
  }
  double least = kLength;
  for (const unsigned bit : {0U, 1U}) {
    const unsigned other = 1 - bit;
    least = std::min(
        {least, first[bit] + (kLength - 1) * next[bit][bit],
         first[bit] + next[bit][other] + (kLength - 2) * next[other][other],
         first[bit] + kLength / 2 * next[bit][other] + (kLength / 2 - 1) * next[other][bit]});
  }
  return std::max(0.0, std::min(1.0, least / kLength));
}

namespace {

// 6.3.4: blocks of b bits; the first d fill the dictionary; c(b) corrects the deviation.
constexpr size_t kBlockBits = 6;
constexpr size_t kBlockValues = size_t{1} << kBlockBits;
constexpr size_t kDictionaryBlocks = 1000;
constexpr double kDeviationFactor = 0.5907;
static_assert(kMinSymbols >= kBlockBits * (kDictionaryBlocks + 2));

// Binary logarithms of integers, most of them from a table.
class Logarithms {
 public:
  Logarithms() : table_(kSize) {
    for (size_t i = 1; i < kSize; ++i) table_[i] = std::log2(static_cast<double>(i));
  }
  double operator()(size_t i) const {
    return i < kSize ? table_[i] : std::log2(static_cast<double>(i));
  }

 private:
  static constexpr size_t kSize = size_t{1} << 16;
  std::vector<double> table_;
};

// G(z) of 6.3.4 step 7. With a(u) = log2(u) (1-z)^(u-1), its double sum over t and u is
//   z^2 ((L-d) sum(a(u), u <= d) + sum((L-u) a(u), d < u < L)) + z sum(a(u), d < u <= L).
double ExpectedLogarithm(double z, size_t blocks, const Logarithms& logarithm) {
  // Terms below this share of the sum change nothing: they fall geometrically.
  constexpr double kNegligible = 1e-19;
  const auto tests = static_cast<double>(blocks - kDictionaryBlocks);
  double power = 1 - z;
  double head = 0;
  for (size_t u = 2; u <= kDictionaryBlocks; ++u) {
    head += logarithm(u) * power;
    power *= 1 - z;
  }
  double tail = 0;
  double weighted = tests * head;
  for (size_t u = kDictionaryBlocks + 1; u <= blocks; ++u) {
    const double term = logarithm(u) * power;
    const double weighted_term = static_cast<double>(blocks - u) * term;
    tail += term;
    weighted += weighted_term;
    power *= 1 - z;
    if (weighted_term < kNegligible * weighted && term < kNegligible * tail) break;
  }
  return z * (z * weighted + tail) / tests;
}

}  // namespace

// Maurer's universal statistic.
double Compression(const Symbols& symbols) {
  const Logarithms logarithm;
  const std::span<const uint8_t> bits = symbols.values;
  const size_t blocks = bits.size() / kBlockBits;
  std::array<size_t, kBlockValues> last{};
  double sum = 0;
  double squares = 0;
  for (size_t i = 1; i <= blocks; ++i) {
    size_t block = 0;
    for (const uint8_t bit : bits.subspan((i - 1) * kBlockBits, kBlockBits))
      block = block << 1 | bit;
    if (i > kDictionaryBlocks) {
      const double log = logarithm(i - last[block]);
      sum += log;
      squares += log * log;
    }
    last[block] = i;
  }
  const auto tests = static_cast<double>(blocks - kDictionaryBlocks);
  const double mean = sum / tests;
  const double variance = std::max(0.0, squares / (tests - 1) - mean * mean);
  const double bound = mean - kZ * kDeviationFactor * std::sqrt(variance) / std::sqrt(tests);
  const auto is_above = [&](double p) {
    const double q = (1 - p) / (kBlockValues - 1);
    return ExpectedLogarithm(p, blocks, logarithm) +
               (kBlockValues - 1) * ExpectedLogarithm(q, blocks, logarithm) >
           bound;
  };
  // It falls as p rises from that of uniform blocks.
  constexpr double kUniform = 1.0 / kBlockValues;
  if (!is_above(kUniform)) return 1;
  return MinEntropy(Bisect(kUniform, 1, is_above)) / kBlockBits;
}

}  // namespace entropyd

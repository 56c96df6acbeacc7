// The t-tuple and longest repeated substring estimators, SP 800-90B 6.3.5 and 6.3.6.
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "assess/estimators.h"
#include "assess/suffix_array.h"

namespace entropyd {
namespace {

// 6.3.5 step 1: tuples count that occur at least this often.
constexpr uint32_t kCutoff = 35;

// By length of tuples, from 0 to that of the longest repeated substring.
struct Counts {
  std::vector<uint64_t> pairs;  // of equal tuples at different places
  std::vector<uint32_t> most;   // occurrences of the most common tuple
};

// Suffixes that begin alike are neighbors in lexical order: an interval of `count` of them that
// share `shared` symbols, of which the surrounding interval shares `outside`, means a tuple of each
// length from outside + 1 to shared that occurs `count` times.
Counts CountTuples(const Symbols& symbols) {
  const std::vector<int32_t> shared =
      CommonPrefixes(symbols.values, SuffixArray(symbols.values, symbols.alphabet));
  const auto size = static_cast<uint32_t>(shared.size());
  const size_t lengths = static_cast<size_t>(*std::ranges::max_element(shared)) + 1;
  std::vector<uint64_t> pairs_at(lengths);
  std::vector<uint32_t> most(lengths, 1);
  struct Interval {
    int32_t shared;
    uint32_t start;
  };
  // Never longer than that: each shares more than the one around it.
  std::vector<Interval> open;
  open.reserve(lengths);
  open.push_back({0, 0});
  for (uint32_t i = 1; i <= size; ++i) {
    const int32_t now = i < size ? shared[i] : 0;
    uint32_t start = i - 1;
    while (open.back().shared > now) {
      const Interval interval = open.back();
      open.pop_back();
      start = interval.start;
      const uint32_t count = i - start;
      const uint64_t pairs = uint64_t{count} * (count - 1) / 2;
      // As differences to the next length. Unsigned: the sums below are exact.
      const auto length = static_cast<size_t>(interval.shared);
      most[length] = std::max(most[length], count);
      pairs_at[length] += pairs;
      pairs_at[static_cast<size_t>(std::max(now, open.back().shared))] -= pairs;
    }
    if (open.back().shared < now) open.push_back({now, start});
  }
  for (size_t t = lengths - 1; t-- > 1;) {
    pairs_at[t] += pairs_at[t + 1];
    most[t] = std::max(most[t], most[t + 1]);
  }
  return {std::move(pairs_at), std::move(most)};
}

double Root(double value, size_t degree) {
  return std::pow(value, 1 / static_cast<double>(degree));
}

}  // namespace

TupleEstimates Tuples(const Symbols& symbols) {
  const auto [pairs, counts] = CountTuples(symbols);
  const auto n = static_cast<double>(symbols.values.size());
  TupleEstimates estimates;
  size_t t = 1;
  double most = 0;
  for (; t < counts.size() && counts[t] >= kCutoff; ++t)
    most = std::max(most, Root(counts[t] / (n - static_cast<double>(t) + 1), t));
  if (t > 1) estimates.t_tuple = MinEntropy(UpperBound(most, n));
  if (t == counts.size()) return estimates;
  most = 0;
  for (; t < counts.size(); ++t) {
    const double places = n - static_cast<double>(t) + 1;
    const double share = static_cast<double>(pairs[t]) / (places * (places - 1) / 2);
    most = std::max(most, Root(share, t));
  }
  estimates.longest_repeated_substring = MinEntropy(UpperBound(most, n));
  return estimates;
}

}  // namespace entropyd

// The ten min-entropy estimators of SP 800-90B 6.3. Where the standard leaves a choice, or NIST's
// own tool (usnistgov/SP800-90B_EntropyAssessment, ea_non_iid) departs from it, they follow the
// tool.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace entropyd {

// Samples as numbers below `alphabet`, each of which occurs. At least kMinSymbols of them, and at
// least two different ones.
struct Symbols {
  std::span<const uint8_t> values;
  unsigned alphabet;
};

// All estimators run on this many: Compression (6.3.4) needs 1002 blocks of 6 bits for a deviation,
// MultiMCW (6.3.7) 4096 symbols. The standard itself asks for 1,000,000 (3.1.1).
inline constexpr size_t kMinSymbols = 6012;
// Memory: 10 bytes for each, and at worst, in long repetitions, 26.
inline constexpr size_t kMaxSymbols = size_t{1} << 27;

// Each returns bits of min-entropy per symbol. 6.3.2 to 6.3.4 are for an alphabet of two.
double MostCommonValue(const Symbols& symbols);
double Collision(const Symbols& symbols);
double Markov(const Symbols& symbols);
double Compression(const Symbols& symbols);

// Either is missing if no length of tuples qualifies: t-Tuple if no symbol occurs 35 times, LRS if
// the longest repeated substring does.
struct TupleEstimates {
  std::optional<double> t_tuple;
  std::optional<double> longest_repeated_substring;
};
TupleEstimates Tuples(const Symbols& symbols);

double MultiMostCommonInWindow(const Symbols& symbols);
double Lag(const Symbols& symbols);
double MultiMarkovModelWithCounting(const Symbols& symbols);
double Lz78y(const Symbols& symbols);

// What the estimators share.

// End of the 99 % confidence interval of a proportion of `count` observations, 6.3.1 step 2.
double UpperBound(double proportion, double count);
// -log2(p), and 0 rather than -0.
double MinEntropy(double probability);

// Halves the interval, at whose end `low` a condition holds and at whose other end it does not,
// until its ends are neighbors. Returns the end where it does not.
template <typename Condition>
double Bisect(double low, double high, const Condition& holds) {
  for (;;) {
    const double middle = (low + high) / 2;
    if (middle <= low || middle >= high) return high;
    (holds(middle) ? low : high) = middle;
  }
}

// How often a predictor was right, for 6.3.7 to 6.3.10.
struct Predictions {
  uint64_t correct = 0;
  uint64_t run = 0;
  uint64_t longest_run = 0;

  void Add(bool is_correct) noexcept {
    if (!is_correct) {
      run = 0;
      return;
    }
    ++correct;
    if (++run > longest_run) longest_run = run;
  }
};
// The last steps of 6.3.7 to 6.3.10: from the share of correct predictions and their longest run.
double PredictionEstimate(const Predictions& predictions, double count, unsigned alphabet);

}  // namespace entropyd

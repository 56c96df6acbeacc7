// The MultiMCW and lag prediction estimators, SP 800-90B 6.3.7 and 6.3.8, and the steps that end
// every prediction estimator.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "assess/estimators.h"

namespace entropyd {
namespace {

constexpr double kLogOfConfidence = -0.010050335853501441;  // ln 0.99

// ln of the probability that there is no run of `run` correct predictions among `count`, each of
// which is correct with probability p: (1 - p x) / ((run + 1 - run x) q) x^-(count + 1), where x is
// the root near 1 of 1 - x + q p^run x^(run + 1). Of x the distance to 1 is kept, which is tiny.
double LogOfNoRun(double p, double run, double count) {
  constexpr unsigned kMaxSteps = 65;
  const double q = 1 - p;
  const double factor = q * std::pow(p, run);
  double e = 0;
  for (unsigned i = 0; i < kMaxSteps; ++i) {
    const double next = factor * std::pow(1 + e, run + 1);
    if (!(next > e)) break;
    e = next;
  }
  return std::log1p(-p * e / q) - std::log1p(-run * e) - (count + 1) * std::log1p(e);
}

}  // namespace

double PredictionEstimate(const Predictions& predictions, double count, unsigned alphabet) {
  const double share = static_cast<double>(predictions.correct) / count;
  const double global = share > 0 ? UpperBound(share, count) : 1 - std::pow(0.01, 1 / count);
  double p = std::max(global, 1.0 / alphabet);
  // The local bound matters if it is above the others.
  const double run = static_cast<double>(predictions.longest_run) + 1;
  const auto is_likely = [&](double each) {
    return LogOfNoRun(each, run, count) > kLogOfConfidence;
  };
  if (p < 1 && is_likely(p)) p = Bisect(p, 1, is_likely);
  return MinEntropy(p);
}

namespace {

// The most common symbol of the last `size` ones; of equally common ones the most recent.
class Window {
 public:
  explicit Window(size_t size) : size_(size) {}

  // Whether the window is full before the symbol at `i`.
  bool Predicts(size_t i) const noexcept { return i >= size_; }
  uint8_t common() const noexcept { return common_; }

  void Advance(const Symbols& symbols, size_t i) {
    const uint8_t in = symbols.values[i];
    last_[in] = static_cast<uint32_t>(i);
    bool is_less = false;
    if (i >= size_) {
      const uint8_t out = symbols.values[i - size_];
      is_less = out == common_ && in != out;
      --counts_[out];
    }
    ++counts_[in];
    if (is_less)
      Search(symbols.alphabet);
    else if (counts_[in] >= counts_[common_])
      common_ = in;
  }

 private:
  void Search(unsigned alphabet) {
    const auto counts = std::span(counts_).first(alphabet);
    const uint16_t most = *std::ranges::max_element(counts);
    uint32_t latest = 0;
    for (unsigned symbol = 0; symbol < alphabet; ++symbol)
      if (counts_[symbol] == most && last_[symbol] >= latest) {
        latest = last_[symbol];
        common_ = static_cast<uint8_t>(symbol);
      }
  }

  const size_t size_;
  uint8_t common_ = 0;
  std::array<uint16_t, 256> counts_{};
  std::array<uint32_t, 256> last_{};
};

}  // namespace

double MultiMostCommonInWindow(const Symbols& symbols) {
  std::array windows{Window(63), Window(255), Window(1023), Window(4095)};
  std::array<uint64_t, windows.size()> scores{};
  size_t winner = 0;
  Predictions predictions;
  for (size_t i = 0; i < symbols.values.size(); ++i) {
    const uint8_t symbol = symbols.values[i];
    if (windows[0].Predicts(i)) predictions.Add(windows[winner].common() == symbol);
    for (size_t w = 0; w < windows.size(); ++w) {
      if (windows[w].Predicts(i) && windows[w].common() == symbol && ++scores[w] >= scores[winner])
        winner = w;
      windows[w].Advance(symbols, i);
    }
  }
  const auto count = static_cast<double>(symbols.values.size() - 63);
  return PredictionEstimate(predictions, count, symbols.alphabet);
}

double Lag(const Symbols& symbols) {
  constexpr size_t kLags = 128;
  // In reverse, the symbols before one are neighbors in the order of their lags.
  const std::vector<uint8_t> reversed(symbols.values.rbegin(), symbols.values.rend());
  const size_t size = reversed.size();
  std::array<uint32_t, kLags> scores{};
  uint32_t high = 0;
  size_t winner = 0;
  Predictions predictions;
  for (size_t i = 1; i < size; ++i) {
    const uint8_t symbol = symbols.values[i];
    const uint8_t* const before = &reversed[size - i];
    predictions.Add(before[winner] == symbol);
    const auto update = [&](size_t lags) {
      uint32_t most = 0;
      for (size_t lag = 0; lag < lags; ++lag) {
        const uint32_t is_equal = before[lag] == symbol ? 1 : 0;
        scores[lag] += is_equal;
        most = std::max(most, scores[lag] & -is_equal);
      }
      return most;
    };
    // A constant number of lags makes the compiler use vectors.
    const size_t lags = std::min(i, kLags);
    const uint32_t most = lags == kLags ? update(kLags) : update(lags);
    if (most == 0 || most < high) continue;
    // Of those that have just reached the highest score, the longest lag is next.
    high = most;
    winner = lags - 1;
    while (scores[winner] != most || before[winner] != symbol) --winner;
  }
  return PredictionEstimate(predictions, static_cast<double>(size - 1), symbols.alphabet);
}

}  // namespace entropyd

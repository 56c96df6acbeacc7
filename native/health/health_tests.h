// The continuous health tests of SP 800-90B 4.4, and four tests of our own for 64-bit sources.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "memory/secure_memory.h"
#include "sources/noise_source.h"

namespace entropyd {

// False-alarm probabilities. An intermittent alarm discards the samples and repeats the startup
// test; a permanent one takes the source out (SP 800-90B 4.3 allows both reactions).
inline constexpr int kIntermittentAlphaLog2 = -30;
inline constexpr int kPermanentAlphaLog2 = -60;

// Adaptive proportion test: samples in a window of a byte source (SP 800-90B 4.4.2).
inline constexpr unsigned kAdaptiveWindow = 512;
inline constexpr unsigned kMaxAdaptiveWindow = 1024;  // for a binary source

// Repetition count test, SP 800-90B 4.4.1: C = 1 + ceil(-log2(alpha) / H).
constexpr unsigned RepetitionCutoff(long double bits_per_sample, int alpha_log2) {
  const long double exact = -alpha_log2 / bits_per_sample;
  const auto floor = static_cast<unsigned>(exact);
  return 1 + floor + (exact > floor ? 1 : 0);
}

// Smallest k with P(X > k) <= alpha for X ~ Binomial(trials, p): CRITBINOM(trials, p, 1 - alpha).
// Summed from the small end of the tail, so that no term is lost to rounding beside 1. `trials` is
// at most kMaxAdaptiveWindow; long double keeps (1-p)^trials above zero down to H = 0.5.
constexpr unsigned CriticalBinomial(unsigned trials, long double p, int alpha_log2) {
  std::array<long double, kMaxAdaptiveWindow + 1> mass{};
  mass[0] = 1;
  for (unsigned i = 0; i < trials; ++i) mass[0] *= 1 - p;
  for (unsigned k = 1; k <= trials; ++k)
    mass[k] = mass[k - 1] * (trials - k + 1) / k * (p / (1 - p));
  long double alpha = 1;
  for (int i = 0; i > alpha_log2; --i) alpha /= 2;
  long double tail = 0;
  unsigned k = trials;
  while (k > 0 && tail + mass[k] <= alpha) tail += mass[k--];
  return k;
}

// Adaptive proportion test, SP 800-90B 4.4.2: C = 1 + CRITBINOM(W, 2^-H, 1 - alpha), at most W;
// `p` is 2^-H.
constexpr unsigned AdaptiveProportionCutoff(unsigned window, long double p, int alpha_log2) {
  const unsigned cutoff = 1 + CriticalBinomial(window, p, alpha_log2);
  return cutoff < window ? cutoff : window;
}

enum class Severity : uint8_t { kNone, kIntermittent, kPermanent };

struct Verdict {
  Severity severity = Severity::kNone;
  const char* test = "";  // the first test that raised the alarm
  uint64_t at = 0;        // bytes seen by then, since the last Reset()
};

// The counts at which the two tests on bytes raise an alarm.
struct Cutoffs {
  unsigned repetition;
  unsigned repetition_permanent;
  unsigned proportion;
  unsigned proportion_permanent;
};

// The cutoffs for H = `bits_per_byte`. H belongs to the source: the CPU's words are conditioned
// already, and H = 4, their credit, would miss a stuck word or a 75 % bit bias.
Cutoffs CutoffsFor(double bits_per_byte) noexcept;

// The tests of SP 800-90B 4.4.1 and 4.4.2 on bytes.
class ByteTests {
 public:
  explicit ByteTests(const Cutoffs& cutoffs) noexcept : cutoffs_(cutoffs) {}
  void Insert(uint8_t sample, Verdict& verdict, uint64_t at) noexcept;
  void Reset() noexcept { *this = ByteTests(cutoffs_); }

 private:
  Cutoffs cutoffs_;
  unsigned run_ = 0;
  uint8_t last_ = 0;
  unsigned window_at_ = 0;
  unsigned count_ = 0;
  uint8_t first_ = 0;
};

// Vendor-defined tests (SP 800-90B 4.5) for faults that have been seen in CPUs: equal consecutive
// words, the constants 0 and ~0, a word that repeats within 4096 words, and biased bit lanes.
class WordTests {
 public:
  WordTests() noexcept;
  void Insert(uint64_t word, Verdict& verdict, uint64_t at) noexcept;
  void Reset() noexcept;

 private:
  static constexpr unsigned kRecent = 4096;  // words; a longer cycle is not detected
  static constexpr unsigned kLaneWindow = 1024;
  static constexpr unsigned kLanes = 64;
  static constexpr unsigned kPlanes = 11;  // a lane's count reaches kLaneWindow = 2^10

  // Fingerprints (SipHash under a key of this process), never the words themselves, in a ring with
  // a chain for each bucket. Index 0 ends a chain: entry i is at ring[i - 1].
  struct Recent {
    std::array<uint64_t, 2> key;
    std::array<uint64_t, kRecent> ring;
    std::array<uint16_t, kRecent> next;
    std::array<uint16_t, kRecent> head;
  };

  Recent& recent() noexcept { return *reinterpret_cast<Recent*>(memory_.data()); }
  bool SeenRecently(uint64_t fingerprint) noexcept;
  bool LanesBiased(uint64_t word) noexcept;

  SecureBuffer memory_;
  uint64_t words_ = 0;
  uint64_t last_ = 0;  // fingerprint
  // The lanes' counts, bit-sliced: bit j of lane i's count is bit i of plane j. A word is thus
  // added to all lanes at once.
  std::array<uint64_t, kPlanes> ones_{};
};

// All tests that apply to a source's samples. Samples are not kept.
class HealthTests {
 public:
  HealthTests(SampleKind kind, double tested_bits_per_byte) noexcept;
  // The worst alarm in these samples; for words the size is a multiple of 8.
  Verdict Insert(std::span<const uint8_t> samples) noexcept;
  // Forgets all samples, as after an alarm.
  void Reset() noexcept;

 private:
  ByteTests bytes_;
  std::optional<WordTests> words_;
  uint64_t seen_ = 0;
};

}  // namespace entropyd

// The health tests' counters. Every cutoff is derived where it is defined.
#include "health/health_tests.h"

#include <sys/random.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace entropyd {
namespace {

// The sum of n fair bits is within 7 sigma in all but 2^-38 of the windows, sigma = sqrt(n) / 2: 7
// * 16 of 1024 for one lane, 7 * 128 of 65,536 for all lanes together.
constexpr int kLaneMean = 1024 / 2;
constexpr int kLaneLimit = 7 * 16;
constexpr int kTotalMean = 64 * 1024 / 2;
constexpr int kTotalLimit = 7 * 128;

void Raise(Verdict& verdict, Severity severity, const char* test, uint64_t at) noexcept {
  if (verdict.severity == Severity::kNone) {
    verdict.test = test;
    verdict.at = at;
  }
  if (severity > verdict.severity) verdict.severity = severity;
}

// SipHash-1-3 of one word (Aumasson and Bernstein): the key makes fingerprints one-way.
uint64_t Fingerprint(const std::array<uint64_t, 2>& key, uint64_t word) noexcept {
  uint64_t v0 = key[0] ^ 0x736f6d6570736575U;
  uint64_t v1 = key[1] ^ 0x646f72616e646f6dU;
  uint64_t v2 = key[0] ^ 0x6c7967656e657261U;
  uint64_t v3 = key[1] ^ 0x7465646279746573U;
  const auto round = [&] {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  };
  constexpr uint64_t kLengthBlock = uint64_t{8} << 56;
  v3 ^= word;
  round();
  v0 ^= word;
  v3 ^= kLengthBlock;
  round();
  v0 ^= kLengthBlock;
  v2 ^= 0xff;
  round();
  round();
  round();
  return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace

// H = 7: 6 and 10 equal bytes, 22 and 32 in a window of 512. H = 0.5: 61 and 121, 422 and 447.
Cutoffs CutoffsFor(double bits_per_byte) noexcept {
  const long double most_likely = std::exp2(-static_cast<long double>(bits_per_byte));
  const auto proportion = [most_likely](int alpha_log2) {
    return AdaptiveProportionCutoff(kAdaptiveWindow, most_likely, alpha_log2);
  };
  return {.repetition = RepetitionCutoff(bits_per_byte, kIntermittentAlphaLog2),
          .repetition_permanent = RepetitionCutoff(bits_per_byte, kPermanentAlphaLog2),
          .proportion = proportion(kIntermittentAlphaLog2),
          .proportion_permanent = proportion(kPermanentAlphaLog2)};
}

void ByteTests::Insert(uint8_t sample, Verdict& verdict, uint64_t at) noexcept {
  const auto severity = [](unsigned count, unsigned permanent) {
    return count >= permanent ? Severity::kPermanent : Severity::kIntermittent;
  };
  run_ = run_ > 0 && sample == last_ ? run_ + 1 : 1;
  last_ = sample;
  if (run_ >= cutoffs_.repetition)
    Raise(verdict, severity(run_, cutoffs_.repetition_permanent), "repetition count", at);

  if (window_at_ == 0) {
    first_ = sample;
    count_ = 0;
  }
  if (sample == first_) ++count_;
  if (count_ >= cutoffs_.proportion && sample == first_)
    Raise(verdict, severity(count_, cutoffs_.proportion_permanent), "adaptive proportion", at);
  window_at_ = (window_at_ + 1) % kAdaptiveWindow;
}

WordTests::WordTests() noexcept : memory_(sizeof(Recent)) {
  // Without a key the fingerprints would be predictable, not the output. It is fatal nevertheless:
  // if getrandom(2) failed here, Node itself could not have started.
  if (getrandom(recent().key.data(), sizeof recent().key, 0) != sizeof recent().key) std::abort();
}

void WordTests::Reset() noexcept {
  const auto key = recent().key;
  Wipe(memory_.span());
  recent().key = key;
  words_ = 0;
  last_ = 0;
  ones_.fill(0);
}

// Probability of a false alarm: 4096 / 2^64 = 2^-52 per word.
bool WordTests::SeenRecently(uint64_t fingerprint) noexcept {
  Recent& memory = recent();
  uint16_t& head = memory.head[fingerprint % kRecent];
  for (uint16_t i = head; i != 0; i = memory.next[i - 1])
    if (memory.ring[i - 1] == fingerprint) return true;

  // The new entry replaces the ring's oldest, which first leaves its chain.
  const auto slot = static_cast<uint16_t>(words_ % kRecent + 1);
  if (words_ >= kRecent) {
    uint16_t* link = &memory.head[memory.ring[slot - 1] % kRecent];
    while (*link != 0 && *link != slot) link = &memory.next[*link - 1];
    if (*link == slot) *link = memory.next[slot - 1];
  }
  memory.ring[slot - 1] = fingerprint;
  memory.next[slot - 1] = head;
  head = slot;
  return false;
}

bool WordTests::LanesBiased(uint64_t word) noexcept {
  uint64_t carry = word;
  for (size_t plane = 0; carry != 0; ++plane) {
    const uint64_t overflow = ones_[plane] & carry;
    ones_[plane] ^= carry;
    carry = overflow;
  }
  if ((words_ + 1) % kLaneWindow != 0) return false;
  bool biased = false;
  int total = 0;
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    int ones = 0;
    for (unsigned plane = 0; plane < kPlanes; ++plane)
      ones |= static_cast<int>((ones_[plane] >> lane) & 1) << plane;
    total += ones;
    if (std::abs(ones - kLaneMean) > kLaneLimit) biased = true;
  }
  ones_.fill(0);
  return biased || std::abs(total - kTotalMean) > kTotalLimit;
}

void WordTests::Insert(uint64_t word, Verdict& verdict, uint64_t at) noexcept {
  const uint64_t fingerprint = Fingerprint(recent().key, word);
  if (word == 0 || word == ~uint64_t{0})
    Raise(verdict, Severity::kIntermittent, "constant word", at);
  if (words_ > 0 && fingerprint == last_)
    Raise(verdict, Severity::kIntermittent, "equal words", at);
  if (SeenRecently(fingerprint)) Raise(verdict, Severity::kIntermittent, "repeated word", at);
  if (LanesBiased(word)) Raise(verdict, Severity::kIntermittent, "bit lanes", at);
  last_ = fingerprint;
  ++words_;
}

HealthTests::HealthTests(SampleKind kind, double tested_bits_per_byte) noexcept
    : bytes_(CutoffsFor(tested_bits_per_byte)) {
  if (kind == SampleKind::kWord64) words_.emplace();
}

Verdict HealthTests::Insert(std::span<const uint8_t> samples) noexcept {
  Verdict verdict;
  for (size_t at = 0; at < samples.size(); ++at) {
    if (words_ && at % sizeof(uint64_t) == 0) {
      uint64_t word = 0;
      std::memcpy(&word, samples.data() + at, sizeof word);
      words_->Insert(word, verdict, seen_ + sizeof word);
      Wipe({reinterpret_cast<uint8_t*>(&word), sizeof word});
    }
    bytes_.Insert(samples[at], verdict, ++seen_);
  }
  return verdict;
}

void HealthTests::Reset() noexcept {
  bytes_.Reset();
  if (words_) words_->Reset();
  seen_ = 0;
}

}  // namespace entropyd

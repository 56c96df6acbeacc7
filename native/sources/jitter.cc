// CPU jitter: the time that a loop of memory accesses takes. A non-physical noise source (SP
// 800-90B 2.2.1), independent of the CPU's random instructions.
//
// A raw sample is the low byte of that time. It varies with the state of caches, TLBs, predictors
// and memory, with interrupts, and with whatever else the machine does. The idea is that of
// jitterentropy (Müller, "CPU Time Jitter Based Non-Physical True Random Number Generator") and of
// Go's crypto/internal/entropy; nothing here derives from their code.
//
// Credit: half a bit per sample, as in Go's module. docs/decisions/0018-cpu-jitter.md has the
// measurements. The health tests test the same H = 0.5:
//   repetition count, SP 800-90B 4.4.1:    1 + ceil(30 / 0.5) = 61, 1 + ceil(60 / 0.5) = 121
//   adaptive proportion, SP 800-90B 4.4.2: 1 + CRITBINOM(512, 2^-0.5, 1 - 2^-30) = 422, and 447 for
//                                          2^-60
// 384 + 64 credited bits (SP 800-90C: n + 64 bits into a vetted conditioning function for n bits of
// full entropy) are 896 samples, about a millisecond.
#include "sources/jitter.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "memory/clock.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/prctl.h>
#endif

namespace entropyd {
namespace {

// 1 MiB: 5 to 32 times an L1 data cache (32 to 192 KiB), and 256 pages of 4 KiB, more than an L1
// TLB maps. So an access may hit or miss at several levels. A larger buffer would add misses of the
// last level, but cost memory for as long as the source is open.
constexpr unsigned kBufferLog2 = 20;
constexpr size_t kBufferSize = size_t{1} << kBufferLog2;

// Accesses per sample. With 64, the most frequent byte of a step of the same walk came in at most
// 2^-2.98 of 1000 starts, six times the credit; with 8, in 2^-0.85.
constexpr unsigned kAccesses = 64;

// Knuth's MMIX generator. Its high bits are the index.
constexpr uint64_t kMultiplier = 6364136223846793005U;
constexpr uint64_t kIncrement = 1442695040888963407U;

// Samples that Open() reads, and how many of them may be equal: CRITBINOM(128, 2^-2, 1 - 2^-30). A
// source of 2 bits per sample, four times the credit, is refused once in 2^30 times.
constexpr size_t kProbeSamples = 128;
constexpr unsigned kProbeEqual = 64;

#if defined(__x86_64__)
// LFENCE before: all earlier loads have completed. LFENCE after: no later one has begun (Intel SDM
// Vol. 2, RDTSC; AMD with dispatch-serializing LFENCE, which Linux sets).
uint64_t Tsc() noexcept {
  _mm_lfence();
  const uint64_t ticks = __rdtsc();
  _mm_lfence();
  return ticks;
}

// Without the invariant bit the TSC may stop or change its rate. With PR_TSC_SIGSEGV, RDTSC would
// end the process.
bool HasTsc() noexcept {
  constexpr unsigned kLeaf = 0x80000007;
  constexpr unsigned kInvariantEdxBit = 8;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(kLeaf, &eax, &ebx, &ecx, &edx) == 0) return false;
  int mode = PR_TSC_ENABLE;
  const bool forbidden = prctl(PR_GET_TSC, &mode) == 0 && mode != PR_TSC_ENABLE;
  return ((edx >> kInvariantEdxBit) & 1) != 0 && !forbidden;
}
#endif

struct Unmap {
  void operator()(uint8_t* pages) const noexcept { munmap(pages, kBufferSize); }
};

class Jitter final : public NoiseSource {
 public:
  explicit Jitter(std::vector<JitterClock> clocks)
      : NoiseSource({.name = "jitter",
                     .physical = false,
                     .reserve = true,
                     .tested_bits_per_byte = 0.5,
                     .credited_bits_per_byte = 0.5}),
        clocks_(std::move(clocks)) {}

  // Takes 0.3 to 0.5 ms at first, most of it for the pages; 0.12 ms when called again. Every call
  // starts the same walk on the same memory: nothing but the time differs between two starts, so
  // that the assessment does not mistake the walk for entropy.
  bool Open() noexcept override {
    now_ = nullptr;
    error_.clear();
    if (buffer_ == nullptr && !Map()) return false;
    std::fill_n(buffer_.get(), kBufferSize, uint8_t{0});
    walk_ = 0;
    for (const JitterClock& clock : clocks_) {
      if (!Probe(clock)) continue;
      now_ = clock.now;
      error_.clear();
      return true;
    }
    if (clocks_.empty()) error_ = "no clock";
    buffer_.reset();
    return false;
  }

  // About a microsecond per sample, and never a wait. A sample during which the thread was
  // descheduled, or moved to another core whose counter differs, is a sample like any other.
  ReadStatus Read(std::span<uint8_t>& rest) noexcept override {
    if (now_ == nullptr) {
      error_ = "not open";
      return ReadStatus::kFailed;
    }
    uint64_t before = now_();
    for (uint8_t& sample : rest) {
      Walk();
      const uint64_t after = now_();
      sample = static_cast<uint8_t>(after - before);
      before = after;
    }
    rest = {};
    return ReadStatus::kOk;
  }

 private:
  // MAP_POPULATE: one call instead of 256 page faults.
  bool Map() noexcept {
    void* pages = mmap(nullptr, kBufferSize, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (pages == MAP_FAILED) {
      error_ = std::generic_category().message(errno);
      return false;
    }
    buffer_.reset(static_cast<uint8_t*>(pages));
    return true;
  }

  // The memory is not secret: it depends on the number of samples only, never on a time. The value
  // that is read enters the next index, so that no access can begin before the last has returned,
  // and no prefetcher can run ahead. Volatile: the compiler may neither drop nor move an access.
  void Walk() noexcept {
    volatile uint8_t* const memory = buffer_.get();
    for (unsigned i = 0; i < kAccesses; ++i) {
      walk_ = walk_ * kMultiplier + kIncrement;
      volatile uint8_t& place = memory[walk_ >> (64 - kBufferLog2)];
      const uint8_t value = place;
      place = static_cast<uint8_t>(value + 1);
      walk_ += value;
    }
  }

  // False, with a reason in error_, if the clock goes backwards, or if it is too coarse for the
  // loop: then most times are 0 or the same step. A probe that was descheduled throughout would
  // pass; the startup test is still to come.
  bool Probe(const JitterClock& clock) noexcept {
    std::array<uint8_t, kProbeSamples> samples{};
    bool backwards = false;
    uint64_t before = clock.now();
    for (uint8_t& sample : samples) {
      Walk();
      const uint64_t after = clock.now();
      backwards |= after < before;
      sample = static_cast<uint8_t>(after - before);
      before = after;
    }
    std::array<unsigned, 256> counts{};
    for (const uint8_t sample : samples) ++counts[sample];
    const unsigned equal = *std::ranges::max_element(counts);
    if (!backwards && equal <= kProbeEqual) return true;
    if (!error_.empty()) error_ += "; ";
    error_ += std::string(clock.name) +
              (backwards ? " goes backwards"
                         : " is too coarse: " + std::to_string(equal) + " of " +
                               std::to_string(kProbeSamples) + " samples are equal");
    return false;
  }

  std::vector<JitterClock> clocks_;
  uint64_t (*now_)() noexcept = nullptr;
  std::unique_ptr<uint8_t[], Unmap> buffer_;
  uint64_t walk_ = 0;
};

}  // namespace

// On arm64 the kernel derives its clock from cntvct_el0, so that counter itself would be no finer:
// 1 GHz from Armv8.6 on, often 24 MHz before.
std::vector<JitterClock> JitterClocks() {
  std::vector<JitterClock> clocks;
#if defined(__x86_64__)
  if (HasTsc()) clocks.push_back({"TSC", Tsc});
#endif
  clocks.push_back({"CLOCK_MONOTONIC", NowNs});
  return clocks;
}

std::unique_ptr<NoiseSource> MakeJitterOn(std::vector<JitterClock> clocks) {
  return std::make_unique<Jitter>(std::move(clocks));
}

std::unique_ptr<NoiseSource> MakeJitter() { return MakeJitterOn(JitterClocks()); }

}  // namespace entropyd

// RDSEED: the CPU's conditioned noise source (Intel SDM Vol. 1, 7.3.17). Only its 64-bit form is
// used: on AMD Zen 5 the shorter forms may return 0 with the carry flag set (CVE-2025-62626).
#include "sources/cpu_words.h"

namespace entropyd {
namespace {

#if defined(__x86_64__)
// About 200 us with PAUSE between them. On a shared host 3 % of the attempts gave a word, and the
// longest run without one was 203; after more than that the thread had better sleep.
constexpr unsigned kAttempts = 4096;
constexpr unsigned kCpuidLeaf = 7;
constexpr unsigned kCpuidEbxBit = 18;

__attribute__((target("rdseed"))) bool Rdseed(uint64_t& word) noexcept {
  unsigned long long value = 0;
  const bool carry = _rdseed64_step(&value) != 0;
  word = value;
  return carry;
}

bool HasRdseed() noexcept {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(kCpuidLeaf, 0, &eax, &ebx, &ecx, &edx) != 0 &&
         ((ebx >> kCpuidEbxBit) & 1) != 0;
}
#else
constexpr unsigned kAttempts = 0;
bool Rdseed(uint64_t&) noexcept { return false; }
bool HasRdseed() noexcept { return false; }
#endif

}  // namespace

std::unique_ptr<NoiseSource> MakeRdseed() {
  // Intel and AMD state full entropy. Half is credited, because the source cannot be inspected.
  return std::make_unique<CpuWords>(SourceTraits{.name = "rdseed",
                                                 .sample = SampleKind::kWord64,
                                                 .credited_bits_per_byte = 4,
                                                 .startup_bytes = kCpuStartupBytes},
                                    HasRdseed, Rdseed, kAttempts);
}

}  // namespace entropyd

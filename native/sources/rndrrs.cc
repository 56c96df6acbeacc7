// RNDRRS: the reseeded random number register of arm64 (Arm ARM, FEAT_RNG). RNDR is not read: it
// need not reseed.
#include "sources/cpu_words.h"

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace entropyd {
namespace {

#if defined(__aarch64__)
constexpr unsigned kAttempts = 4096;             // as for RDSEED
constexpr unsigned long kHwcap2Rng = 1UL << 16;  // Linux uapi asm/hwcap.h

// S3_3_C2_C4_1 is RNDRRS; PSTATE.NZCV is 0b0000 on success and 0b0100 (Z) on failure.
bool Rndrrs(uint64_t& word) noexcept {
  uint64_t value = 0;
  uint64_t success = 0;
  asm volatile("mrs %0, s3_3_c2_c4_1\n\tcset %1, ne" : "=r"(value), "=r"(success) : : "cc");
  word = value;
  return success != 0;
}

bool HasRndrrs() noexcept { return (getauxval(AT_HWCAP2) & kHwcap2Rng) != 0; }
#else
constexpr unsigned kAttempts = 0;
bool Rndrrs(uint64_t&) noexcept { return false; }
bool HasRndrrs() noexcept { return false; }
#endif

}  // namespace

std::unique_ptr<NoiseSource> MakeRndrrs() {
  return std::make_unique<CpuWords>(SourceTraits{.name = "rndrrs",
                                                 .sample = SampleKind::kWord64,
                                                 .credited_bits_per_byte = 4,
                                                 .startup_bytes = kCpuStartupBytes},
                                    HasRndrrs, Rndrrs, kAttempts);
}

}  // namespace entropyd

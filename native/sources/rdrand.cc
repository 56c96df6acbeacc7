// RDRAND: a DRBG inside the CPU, reseeded by the noise source behind RDSEED (Intel SDM Vol. 1,
// 7.3.17). Only additional input: it is never credited with entropy.
#include "sources/cpu_words.h"

namespace entropyd {
namespace {

#if defined(__x86_64__)
constexpr unsigned kAttempts = 10;  // Intel's figure (SDM Vol. 1, 7.3.17.1)
constexpr unsigned kCpuidLeaf = 1;
constexpr unsigned kCpuidEcxBit = 30;

// AMD families 15h and 16h after resume and early Ryzen 3000 return all ones with the carry flag
// set: 0 and ~0 count as failed attempts, which costs 2^-63 of the healthy values.
__attribute__((target("rdrnd"))) bool Rdrand(uint64_t& word) noexcept {
  unsigned long long value = 0;
  const bool carry = _rdrand64_step(&value) != 0;
  word = value;
  return carry && value != 0 && value != ~0ULL;
}

bool HasRdrand() noexcept {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(kCpuidLeaf, &eax, &ebx, &ecx, &edx) != 0 && ((ecx >> kCpuidEcxBit) & 1) != 0;
}
#else
constexpr unsigned kAttempts = 0;
bool Rdrand(uint64_t&) noexcept { return false; }
bool HasRdrand() noexcept { return false; }
#endif

}  // namespace

std::unique_ptr<NoiseSource> MakeRdrand() {
  return std::make_unique<CpuWords>(SourceTraits{.name = "rdrand",
                                                 .sample = SampleKind::kWord64,
                                                 .role = SourceRole::kAdditionalInput,
                                                 .physical = false,
                                                 .startup_bytes = kCpuStartupBytes},
                                    HasRdrand, Rdrand, kAttempts);
}

}  // namespace entropyd

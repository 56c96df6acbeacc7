// A noise source that is one CPU instruction, which returns a 64-bit word and a carry flag.
#pragma once

#include "memory/clock.h"
#include "sources/noise_source.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace entropyd {

// Samples of a CPU source's startup test, bytes: 4096 words, as many as the repetition test
// remembers.
inline constexpr size_t kCpuStartupBytes = 32768;

class CpuWords final : public NoiseSource {
 public:
  // One attempt: true with a word, false if the carry flag is 0.
  using Instruction = bool (*)(uint64_t& word) noexcept;

  // `attempts`: for one word in one call of Read(). `clock`: for tests.
  CpuWords(SourceTraits traits, bool (*available)() noexcept, Instruction instruction,
           unsigned attempts, Clock clock = NowNs) noexcept
      : NoiseSource(std::move(traits)),
        available_(available),
        instruction_(instruction),
        attempts_(attempts),
        clock_(clock) {}

  bool Open() noexcept override;
  ReadStatus Read(std::span<uint8_t>& rest) noexcept override;

 private:
  bool ReadWord(uint64_t& word) noexcept;

  bool (*available_)() noexcept;
  Instruction instruction_;
  unsigned attempts_;
  Clock clock_;
  uint64_t opened_at_ = 0;
  bool answered_ = false;  // a word has been read
};

}  // namespace entropyd

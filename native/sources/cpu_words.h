// A noise source that is one CPU instruction, which returns a 64-bit word and a carry flag.
#pragma once

#include "sources/noise_source.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace entropyd {

class CpuWords final : public NoiseSource {
 public:
  // One attempt: true with a word, false if the carry flag is 0.
  using Instruction = bool (*)(uint64_t& word) noexcept;

  CpuWords(SourceTraits traits, bool (*available)() noexcept, Instruction instruction,
           unsigned attempts) noexcept
      : NoiseSource(std::move(traits)),
        available_(available),
        instruction_(instruction),
        attempts_(attempts) {}

  bool Open() noexcept override { return available_(); }
  ReadStatus Read(std::span<uint8_t> samples) noexcept override;

 private:
  bool ReadWord(uint64_t& word) noexcept;

  bool (*available_)() noexcept;
  Instruction instruction_;
  unsigned attempts_;
};

}  // namespace entropyd

// The loop around one CPU instruction: bounded attempts per word, PAUSE between them.
#include "sources/cpu_words.h"

#include <cstring>

#include "memory/secure_memory.h"

namespace entropyd {

bool CpuWords::ReadWord(uint64_t& word) noexcept {
  for (unsigned attempt = 0; attempt < attempts_; ++attempt) {
    if (instruction_(word)) return true;
    ++retries_;
#if defined(__x86_64__)
    _mm_pause();
#endif
  }
  return false;
}

ReadStatus CpuWords::Read(std::span<uint8_t> samples) noexcept {
  for (size_t at = 0; at + sizeof(uint64_t) <= samples.size(); at += sizeof(uint64_t)) {
    uint64_t word = 0;
    if (!ReadWord(word)) {
      Wipe(samples);
      error_ = "no word in " + std::to_string(attempts_) + " attempts";
      return ReadStatus::kFailed;
    }
    std::memcpy(samples.data() + at, &word, sizeof word);
    Wipe({reinterpret_cast<uint8_t*>(&word), sizeof word});
  }
  return ReadStatus::kOk;
}

}  // namespace entropyd

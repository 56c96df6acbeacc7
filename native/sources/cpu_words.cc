// The loop around one CPU instruction: bounded attempts per word, PAUSE between them.
#include "sources/cpu_words.h"

#include <cstring>

#include "memory/secure_memory.h"

namespace entropyd {
namespace {

// An instruction that has given no word at all for this long is not there, whatever CPUID or HWCAP2
// says: RNDRRS is reported never to succeed on some Oryon cores. A busy RDSEED gives some: 3 % of
// the attempts were measured on a shared host.
constexpr uint64_t kFirstWordNs = 2'000'000'000;

}  // namespace

bool CpuWords::Open() noexcept {
  answered_ = false;
  opened_at_ = clock_();
  return available_();
}

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

ReadStatus CpuWords::Read(std::span<uint8_t>& rest) noexcept {
  for (; rest.size() >= sizeof(uint64_t); rest = rest.subspan(sizeof(uint64_t))) {
    uint64_t word = 0;
    if (!ReadWord(word)) {
      if (answered_ || clock_() - opened_at_ < kFirstWordNs) return ReadStatus::kTryAgain;
      error_ = "the instruction has never given a word";
      return ReadStatus::kFailed;
    }
    answered_ = true;
    std::memcpy(rest.data(), &word, sizeof word);
    Wipe({reinterpret_cast<uint8_t*>(&word), sizeof word});
  }
  return ReadStatus::kOk;
}

}  // namespace entropyd

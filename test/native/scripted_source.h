// A noise source that misbehaves on command.
#pragma once

#include <atomic>
#include <memory>
#include <string_view>

#include "sources/noise_source.h"

namespace entropyd::test {

// What a scripted source does at its next read; may be changed while a generator uses it.
enum class Fault : uint8_t {
  kNone,       // bytes of getrandom(2)
  kZeros,      // and nothing else
  kStuckByte,  // 0x5a
  kAllOnes,    // as AMD's RDRAND after resume
  kZeroWords,  // every tenth word is 0, as early Zen 5 RDSEED
  kStuckWord,
  kTwice,    // each word two times
  kCycle64,  // a sequence that starts anew after so many bytes
  kCycle1K,
  kCycle4K,
  kCycle32K,
  kCycle64K,
  kBias55,    // each bit is 1 with probability 0.55
  kBit7,      // bit 7 of each byte is 1
  kCounter,   // a 64-bit counter
  kSplitmix,  // splitmix64 under a fixed seed: no entropy at all
  kCarry0,    // no word is ever ready
  kCarry46,   // 46 % of the attempts find none
  kTryAgain,  // EAGAIN for ever
  kSlow,      // EAGAIN twice before each read
  kBlock,     // the read does not return until the fault is another
  kGone,      // ENODEV
  kAbsent,    // cannot be opened
};

// The fault by its name in the tests: "none", "stuckByte" ...; false if there is none.
bool FaultFromName(std::string_view name, Fault& fault);

class ScriptedSource final : public NoiseSource {
 public:
  ScriptedSource(SourceTraits traits, std::shared_ptr<std::atomic<Fault>> fault);
  bool Open() noexcept override { return *fault_ != Fault::kAbsent; }
  ReadStatus Read(std::span<uint8_t> samples) noexcept override;

 private:
  void Fill(std::span<uint8_t> samples, Fault fault) noexcept;
  uint64_t Word(Fault fault) noexcept;

  std::shared_ptr<std::atomic<Fault>> fault_;
  uint64_t words_ = 0;
  uint64_t random_ = 0;
  uint64_t splitmix_ = 0;
  uint64_t previous_ = 0;
  unsigned again_ = 0;
};

}  // namespace entropyd::test

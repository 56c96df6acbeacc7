// A noise source that misbehaves on command.
#pragma once

#include <atomic>
#include <memory>
#include <string_view>

#include "sources/noise_source.h"

namespace entropyd::test {

// What a scripted source does at its next read.
enum class Fault : uint8_t {
  kNone,       // bytes of getrandom(2)
  kZeros,      // only zeros
  kStuckByte,  // 0x5a
  kAllOnes,    // like AMD's RDRAND after resume
  kZeroWords,  // every tenth word is 0, like early Zen 5 RDSEED
  kStuckWord,
  kTwice,    // each word twice
  kCycle64,  // a sequence that repeats after this many bytes
  kCycle1K,
  kCycle4K,
  kCycle32K,
  kCycle64K,
  kBias55,    // each bit is 1 with probability 0.55
  kBit7,      // bit 7 of each byte is 1
  kNibbles,   // only the low 4 bits vary
  kOneZero,   // one word is 0; the fault then ends
  kCounter,   // a 64-bit counter
  kSplitmix,  // splitmix64 under a fixed seed: no entropy at all
  kCarry46,   // 46 % of the attempts yield none
  kTryAgain,  // nothing: EAGAIN, or a carry flag of 0
  kTrickle,   // one word at each read, then nothing more for now
  kSlow,      // EAGAIN twice before each read
  kBlock,     // the read does not return until the fault changes
  kStartup,   // the bytes of a slow source's startup test, then as kBlock
  kGone,      // ENODEV
  kAbsent,    // cannot be opened
};

// Finds a fault by its name in the tests: "none", "stuckByte" ...; false if there is no such fault.
bool FaultFromName(std::string_view name, Fault& fault);

// Sets what a scripted source does, and reports what it is doing. Used by any thread.
struct Switch {
  std::atomic<Fault> fault = Fault::kNone;
  std::atomic<unsigned> held = 0;  // reads that wait for another fault now
  std::atomic<bool> destroyed = false;
};

class ScriptedSource final : public NoiseSource {
 public:
  ScriptedSource(SourceTraits traits, std::shared_ptr<Switch> control);
  ~ScriptedSource() override { control_->destroyed = true; }
  ScriptedSource(const ScriptedSource&) = delete;
  ScriptedSource& operator=(const ScriptedSource&) = delete;
  bool Open() noexcept override { return control_->fault != Fault::kAbsent; }
  ReadStatus Read(std::span<uint8_t>& rest) noexcept override;

 private:
  void Fill(std::span<uint8_t> samples, Fault fault) noexcept;
  uint64_t Word(Fault fault) noexcept;

  void HoldWhile(Fault fault) noexcept;

  std::shared_ptr<Switch> control_;
  size_t startup_ = 0;  // bytes delivered under kStartup
  uint64_t words_ = 0;
  uint64_t random_ = 0;
  uint64_t splitmix_ = 0;
  uint64_t previous_ = 0;
  unsigned again_ = 0;
};

}  // namespace entropyd::test

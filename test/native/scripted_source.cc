// One case per fault.
#include "scripted_source.h"

#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <utility>

namespace entropyd::test {
namespace {

constexpr std::array<std::pair<std::string_view, Fault>, 26> kNames = {
    {{"none", Fault::kNone},           {"zeros", Fault::kZeros},
     {"stuckByte", Fault::kStuckByte}, {"allOnes", Fault::kAllOnes},
     {"zeroWords", Fault::kZeroWords}, {"stuckWord", Fault::kStuckWord},
     {"twice", Fault::kTwice},         {"cycle64", Fault::kCycle64},
     {"cycle1K", Fault::kCycle1K},     {"cycle4K", Fault::kCycle4K},
     {"cycle32K", Fault::kCycle32K},   {"cycle64K", Fault::kCycle64K},
     {"bias55", Fault::kBias55},       {"bit7", Fault::kBit7},
     {"nibbles", Fault::kNibbles},     {"oneZero", Fault::kOneZero},
     {"counter", Fault::kCounter},     {"splitmix", Fault::kSplitmix},
     {"carry46", Fault::kCarry46},     {"tryAgain", Fault::kTryAgain},
     {"trickle", Fault::kTrickle},     {"slow", Fault::kSlow},
     {"block", Fault::kBlock},         {"startup", Fault::kStartup},
     {"gone", Fault::kGone},           {"absent", Fault::kAbsent}}};

constexpr useconds_t kBlockPollMicroseconds = 1'000;

void FillRandom(std::span<uint8_t> bytes) noexcept {
  if (getrandom(bytes.data(), bytes.size(), 0) != std::ssize(bytes)) std::abort();
}

uint64_t Random64() noexcept {
  uint64_t word = 0;
  FillRandom({reinterpret_cast<uint8_t*>(&word), sizeof word});
  return word;
}

// Vigna's splitmix64.
uint64_t Splitmix(uint64_t state) noexcept {
  uint64_t z = state * 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

}  // namespace

bool FaultFromName(std::string_view name, Fault& fault) {
  for (const auto& [known, value] : kNames) {
    if (known != name) continue;
    fault = value;
    return true;
  }
  return false;
}

ScriptedSource::ScriptedSource(SourceTraits traits, std::shared_ptr<Switch> control)
    : NoiseSource(std::move(traits)), control_(std::move(control)), random_(Random64()) {}

void ScriptedSource::HoldWhile(Fault fault) noexcept {
  if (control_->fault != fault) return;
  ++control_->held;
  while (control_->fault == fault) usleep(kBlockPollMicroseconds);
  --control_->held;
}

uint64_t ScriptedSource::Word(Fault fault) noexcept {
  const uint64_t at = words_++;
  const auto cycle = [&](uint64_t bytes) { return Splitmix(random_ + at % (bytes / 8)); };
  switch (fault) {
    case Fault::kZeros:
      return 0;
    case Fault::kStuckByte:
      return 0x5a5a5a5a5a5a5a5aU;
    case Fault::kAllOnes:
      return ~uint64_t{0};
    case Fault::kZeroWords:
      return at % 10 == 9 ? 0 : Random64();
    case Fault::kStuckWord:
      return Splitmix(random_);
    case Fault::kTwice:
      previous_ = at % 2 == 0 ? Random64() : previous_;
      return previous_;
    case Fault::kCycle64:
      return cycle(64);
    case Fault::kCycle1K:
      return cycle(1024);
    case Fault::kCycle4K:
      return cycle(4096);
    case Fault::kCycle32K:
      return cycle(32768);
    case Fault::kCycle64K:
      return cycle(65536);
    case Fault::kBias55: {
      // A bit is 1 if a random byte is below 141: 141 / 256 = 0.551.
      uint64_t word = 0;
      std::array<uint8_t, 64> bytes{};
      FillRandom(bytes);
      for (const uint8_t byte : bytes) word = word << 1U | (byte < 141 ? 1 : 0);
      return word;
    }
    case Fault::kBit7:
      return Random64() | 0x8080808080808080U;
    case Fault::kNibbles:
      return Random64() & 0x0f0f0f0f0f0f0f0fU;
    case Fault::kOneZero:
      control_->fault = Fault::kNone;
      return 0;
    case Fault::kCounter:
      // Zeros in three bytes of eight and in the first, never two in a row.
      return 0x0011002200334400U + at;
    case Fault::kSplitmix:
      return Splitmix(++splitmix_);
    default:
      return Random64();
  }
}

void ScriptedSource::Fill(std::span<uint8_t> samples, Fault fault) noexcept {
  for (size_t at = 0; at < samples.size(); at += sizeof(uint64_t)) {
    if (fault == Fault::kCarry46)
      while (Random64() % 100 < 46) ++retries_;
    const uint64_t word = Word(fault == Fault::kOneZero ? control_->fault.load() : fault);
    std::memcpy(samples.data() + at, &word, sizeof word);
  }
}

ReadStatus ScriptedSource::Read(std::span<uint8_t>& rest) noexcept {
  if (startup_ >= traits().startup_bytes) HoldWhile(Fault::kStartup);
  HoldWhile(Fault::kBlock);
  const Fault fault = control_->fault;
  switch (fault) {
    case Fault::kGone:
    case Fault::kAbsent:
      error_ = "No such device";
      return ReadStatus::kFailed;
    case Fault::kTryAgain:
      ++retries_;
      return ReadStatus::kTryAgain;
    case Fault::kTrickle:
      Fill(rest.first(sizeof(uint64_t)), fault);
      rest = rest.subspan(sizeof(uint64_t));
      if (rest.empty()) return ReadStatus::kOk;
      ++retries_;
      return ReadStatus::kTryAgain;
    case Fault::kSlow:
      if (++again_ % 3 != 0) {
        ++retries_;
        return ReadStatus::kTryAgain;
      }
      break;
    case Fault::kStartup:
      startup_ += rest.size();
      break;
    default:
      break;
  }
  Fill(rest, fault);
  rest = {};
  return ReadStatus::kOk;
}

}  // namespace entropyd::test

// The contract of a noise source (SP 800-90B 2.2), and the list of all of them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace entropyd {

// What one raw sample is; decides which health tests apply.
enum class SampleKind : uint8_t { kByte, kWord64 };

// What the generator may use a source for.
enum class SourceRole : uint8_t {
  kSeed,             // seeds the DRBG if its credit is above zero
  kAdditionalInput,  // never credited (RDRAND: itself the output of a DRBG, SP 800-90C)
  kKernel,           // in every seed; credited only as the profile says
};

enum class ReadStatus : uint8_t {
  kOk,        // every byte of the span is a fresh raw sample
  kTryAgain,  // nothing at the moment (EAGAIN); not a failure
  kFailed,    // retries exhausted, end of file or an error: error() says which
};

// The credited min-entropy is a policy; the tested one, in health/health_tests.h, is not.
struct SourceTraits {
  std::string name;
  SampleKind sample = SampleKind::kByte;
  SourceRole role = SourceRole::kSeed;
  // A read may wait for the hardware, so it runs on a thread of its own, never on the event loop.
  bool blocking = false;
  // Credited min-entropy, bits per byte, 0 to 8.
  unsigned credited_bits_per_byte = 0;
  // Devices only.
  std::string path = "";
};

// A noise source is used by one thread at a time and never throws. It only reads; its callers test
// and credit the samples.
class NoiseSource {
 public:
  virtual ~NoiseSource() = default;

  const SourceTraits& traits() const noexcept { return traits_; }
  // True if this host has the source. Asks CPUID, HWCAP2 or open(2) again at each call.
  virtual bool Open() noexcept = 0;
  // Fills the whole span with raw samples, or returns why not. After kFailed the span holds zeros.
  // The size is a multiple of 8.
  virtual ReadStatus Read(std::span<uint8_t> samples) noexcept = 0;

  // Attempts that yielded nothing and were repeated: carry flag 0, EINTR, EAGAIN.
  uint64_t retries() const noexcept { return retries_; }
  // The last failure in words; empty if there was none.
  std::string_view error() const noexcept { return error_; }

 protected:
  explicit NoiseSource(SourceTraits traits) noexcept : traits_(std::move(traits)) {}
  uint64_t retries_ = 0;
  std::string error_;

 private:
  SourceTraits traits_;
};

std::unique_ptr<NoiseSource> MakeRdseed();
std::unique_ptr<NoiseSource> MakeRdrand();
std::unique_ptr<NoiseSource> MakeRndrrs();
std::unique_ptr<NoiseSource> MakeKernel();
// Any file, FIFO or character device. The operator is responsible for `credited_bits_per_byte`.
std::unique_ptr<NoiseSource> MakeDevice(std::string name, std::string path,
                                        unsigned credited_bits_per_byte);

// The sources that every host is checked for; devices come from the configuration. A new source is
// a file in sources/ and a line here.
inline constexpr std::array kBuiltInSources = {MakeRdseed, MakeRdrand, MakeRndrrs, MakeKernel};

}  // namespace entropyd

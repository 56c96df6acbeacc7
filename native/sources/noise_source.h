// The contract of a noise source (SP 800-90B 2.2), and the list of all of them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace entropyd {

// What one raw sample is; it decides which health tests apply.
enum class SampleKind : uint8_t { kByte, kWord64 };

// What the generator may use a source for.
enum class SourceRole : uint8_t {
  kSeed,             // seeds the DRBG, where its credit is above zero
  kAdditionalInput,  // never credited (RDRAND: itself the output of a DRBG, SP 800-90C)
  kKernel,           // in every seed; credited only as the profile says
};

enum class ReadStatus : uint8_t {
  kOk,        // every byte of the span is a fresh raw sample
  kTryAgain,  // nothing at the moment (EAGAIN); no failure
  kFailed,    // retries exhausted, end of file, or an error: error() says which
};

// The credited min-entropy of a source is a policy, the tested one is not: see health_tests.h.
struct SourceTraits {
  std::string name;
  SampleKind sample = SampleKind::kByte;
  SourceRole role = SourceRole::kSeed;
  // A read may wait for the hardware: it runs on a thread of its own, never on the event loop.
  bool blocking = false;
  // Credited min-entropy, bits per byte, 0 to 8.
  unsigned credited_bits_per_byte = 0;
  // Devices only.
  std::string path = "";
};

// A noise source is used by one thread at a time and never throws. It reads and reports; testing
// and crediting are its callers' business.
class NoiseSource {
 public:
  virtual ~NoiseSource() = default;

  const SourceTraits& traits() const noexcept { return traits_; }
  // True if this host has the source; asks CPUID, HWCAP2 or open(2), anew at each call.
  virtual bool Open() noexcept = 0;
  // Fills the whole span with raw samples, or says why not; then the span holds zeros. The size
  // is a multiple of 8.
  virtual ReadStatus Read(std::span<uint8_t> samples) noexcept = 0;

  // Failed attempts that a later one made good: the CPU's carry flag 0, EINTR, EAGAIN.
  uint64_t retries() const noexcept { return retries_; }
  // The last failure in words, empty where there was none.
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
// Any file, FIFO or character device; `credited_bits_per_byte` is the operator's word for it.
std::unique_ptr<NoiseSource> MakeDevice(std::string name, std::string path,
                                        unsigned credited_bits_per_byte);

// The sources that every host is asked for; devices come from the configuration. A new source is
// a file in sources/ and a line here.
inline constexpr std::array kBuiltInSources = {MakeRdseed, MakeRdrand, MakeRndrrs, MakeKernel};

}  // namespace entropyd

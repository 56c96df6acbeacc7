// The contract of a noise source (SP 800-90B 2.2), and the list of all of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
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
  kOk,        // every byte asked for is a fresh raw sample
  kTryAgain,  // nothing more for now, which is no failure: call again for the rest
  kFailed,    // end of file or an error: error() says which
};

struct SourceTraits {
  std::string name;
  SampleKind sample = SampleKind::kByte;
  // kSeed sources are read on a thread of their own, ahead of need; the others never wait.
  SourceRole role = SourceRole::kSeed;
  // A physical noise source (SP 800-90B 2.2.1). Its credit counts towards RBG2(P) of SP 800-90C.
  bool physical = true;
  // Goes into a seed only if the other credited sources fall short.
  bool reserve = false;
  // H of the health tests: the min-entropy that they assume, bits per byte, above 0, at most 8.
  double tested_bits_per_byte = 7;
  // Credited min-entropy, bits per byte: 0 to `tested_bits_per_byte`.
  double credited_bits_per_byte = 0;
  // Samples of a startup test, bytes. SP 800-90B 4.3 requires 1024 samples at least.
  size_t startup_bytes = 1024;
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
  // Fills `rest` with raw samples and shortens it from the front by what it has filled; it is empty
  // with kOk alone. Returns within about a millisecond, unless the kernel holds the call. The size
  // is a multiple of 8.
  virtual ReadStatus Read(std::span<uint8_t>& rest) noexcept = 0;

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
std::unique_ptr<NoiseSource> MakeJitter();
std::unique_ptr<NoiseSource> MakeKernel();

// A file, FIFO or character device of the configuration.
struct DeviceConfig {
  std::string name;
  std::string path;
  double tested_bits_per_byte = 7;
  // The operator is responsible for it.
  double credited_bits_per_byte = 0;
};
std::unique_ptr<NoiseSource> MakeDevice(const DeviceConfig& config);
// Why the file at `path` cannot be credited with entropy: it is a regular file, or a device of the
// kernel's own generator. Empty if it can be, or does not exist.
std::string CreditRefusal(const std::string& path);

// Makes an instance of a source. The generator has one; self-tests and assessment have their own.
using SourceFactory = std::function<std::unique_ptr<NoiseSource>()>;

// The sources that every host is checked for; devices come from the configuration. A new source is
// a file in sources/ and a line here.
inline constexpr std::array kBuiltInSources = {MakeRdseed, MakeRndrrs, MakeJitter, MakeRdrand,
                                               MakeKernel};

}  // namespace entropyd

// A character device, file or FIFO by its path: /dev/hwrng, a quantum or a USB generator.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "sources/noise_source.h"

namespace entropyd {
namespace {

// /dev/random and /dev/urandom (admin-guide/devices.txt of the kernel).
constexpr unsigned kMemoryMajor = 1;
constexpr unsigned kRandomMinor = 8;
constexpr unsigned kUrandomMinor = 9;

std::string ErrorText() { return std::generic_category().message(errno); }

// Bytes of a file repeat at the next start, and the kernel's generator is credited by the profile
// alone.
std::string RefusalOf(const struct statx& info) {
  if (S_ISREG(info.stx_mode)) return "a regular file cannot be credited with entropy";
  if (S_ISCHR(info.stx_mode) && info.stx_rdev_major == kMemoryMajor &&
      (info.stx_rdev_minor == kRandomMinor || info.stx_rdev_minor == kUrandomMinor))
    return "the kernel's generator cannot be credited as a source";
  return "";
}

// statx(2) because fstat and stat are functions of glibc 2.33 or later.
bool Stat(int folder, const std::string& path, int flags, struct statx& info) {
  return statx(folder, path.c_str(), flags, STATX_TYPE, &info) == 0;
}

// O_NONBLOCK: a FIFO without a writer must not block the thread, and virtio-rng returns EAGAIN
// instead of waiting.
int OpenFile(const std::string& path) {
  return open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

class Device final : public NoiseSource {
 public:
  explicit Device(SourceTraits traits) : NoiseSource(std::move(traits)) {}
  ~Device() override { Close(); }

  bool Open() noexcept override {
    Close();
    fd_ = OpenFile(traits().path);
    if (fd_ < 0) error_ = ErrorText();
    if (fd_ < 0 || traits().credited_bits_per_byte == 0) return fd_ >= 0;
    // Decided again on the open file: the path may lead elsewhere by now.
    struct statx info {};
    error_ = Stat(fd_, "", AT_EMPTY_PATH, info) ? RefusalOf(info) : ErrorText();
    if (!error_.empty()) Close();
    return fd_ >= 0;
  }

  ReadStatus Read(std::span<uint8_t>& rest) noexcept override {
    while (!rest.empty()) {
      const ssize_t count = read(fd_, rest.data(), rest.size());
      if (count > 0) {
        rest = rest.subspan(static_cast<size_t>(count));
      } else if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
        ++retries_;
        if (errno == EAGAIN) return ReadStatus::kTryAgain;
      } else {
        error_ = count == 0 ? "end of file" : ErrorText();
        return ReadStatus::kFailed;
      }
    }
    return ReadStatus::kOk;
  }

 private:
  void Close() noexcept {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  int fd_ = -1;
};

}  // namespace

std::string CreditRefusal(const std::string& path) {
  // Not opened: the writer of a FIFO would get SIGPIPE when it is closed again.
  struct statx info {};
  return Stat(AT_FDCWD, path, 0, info) ? RefusalOf(info) : "";
}

std::unique_ptr<NoiseSource> MakeDevice(const DeviceConfig& config) {
  return std::make_unique<Device>(
      SourceTraits{.name = config.name,
                   .tested_bits_per_byte = config.tested_bits_per_byte,
                   .credited_bits_per_byte = config.credited_bits_per_byte,
                   .path = config.path});
}

}  // namespace entropyd

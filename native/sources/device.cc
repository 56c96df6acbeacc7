// A character device, file or FIFO by its path: /dev/hwrng, a quantum or a USB generator.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "memory/secure_memory.h"
#include "sources/noise_source.h"

namespace entropyd {
namespace {

class Device final : public NoiseSource {
 public:
  explicit Device(SourceTraits traits) : NoiseSource(std::move(traits)) {}
  ~Device() override { Close(); }

  // O_NONBLOCK: a FIFO without a writer must not block the thread, and virtio-rng returns EAGAIN
  // instead of waiting.
  bool Open() noexcept override {
    Close();
    fd_ = open(traits().path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd_ < 0) error_ = std::generic_category().message(errno);
    return fd_ >= 0;
  }

  // A short read resumes where it stopped, also after kTryAgain, so that the health tests see every
  // sample. After kTryAgain the caller must pass the same span again.
  ReadStatus Read(std::span<uint8_t> samples) noexcept override {
    while (filled_ < samples.size()) {
      const ssize_t count = read(fd_, samples.data() + filled_, samples.size() - filled_);
      if (count > 0) {
        filled_ += static_cast<size_t>(count);
      } else if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
        ++retries_;
        if (errno == EAGAIN) return ReadStatus::kTryAgain;
      } else {
        error_ = count == 0 ? "end of file" : std::generic_category().message(errno);
        Wipe(samples);
        filled_ = 0;
        return ReadStatus::kFailed;
      }
    }
    filled_ = 0;
    return ReadStatus::kOk;
  }

 private:
  void Close() noexcept {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
    filled_ = 0;
  }

  int fd_ = -1;
  size_t filled_ = 0;
};

}  // namespace

std::unique_ptr<NoiseSource> MakeDevice(std::string name, std::string path,
                                        unsigned credited_bits_per_byte) {
  return std::make_unique<Device>(SourceTraits{.name = std::move(name),
                                               .blocking = true,
                                               .credited_bits_per_byte = credited_bits_per_byte,
                                               .path = std::move(path)});
}

}  // namespace entropyd

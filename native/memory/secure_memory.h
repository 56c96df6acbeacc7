// Buffers for secrets: locked in RAM, left out of core dumps, wiped on fork and after use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace entropyd {

// Overwrites `bytes` so that the optimizer cannot remove it: explicit_bzero(3), which is several
// times faster than OPENSSL_cleanse.
void Wipe(std::span<uint8_t> bytes) noexcept;

// Pages of its own, from mmap(2). If RLIMIT_MEMLOCK makes mlock(2) fail, the buffer works unlocked
// and locked() reports it: a host whose limit is not raised still gets service. After fork(2) the
// child sees zeros (MADV_WIPEONFORK), so two processes never share a secret.
class SecureBuffer {
 public:
  explicit SecureBuffer(size_t size) noexcept;
  ~SecureBuffer();
  SecureBuffer(SecureBuffer&& other) noexcept;
  SecureBuffer(const SecureBuffer&) = delete;
  SecureBuffer& operator=(const SecureBuffer&) = delete;
  SecureBuffer& operator=(SecureBuffer&&) = delete;

  // Bytes of all buffers of this process, in whole pages: what RLIMIT_MEMLOCK must allow.
  static size_t TotalSize() noexcept;

  uint8_t* data() noexcept { return data_; }
  size_t size() const noexcept { return size_; }
  bool locked() const noexcept { return locked_; }
  std::span<uint8_t> span() noexcept { return {data_, size_}; }
  std::span<uint8_t> first(size_t count) noexcept { return span().first(count); }

 private:
  uint8_t* data_ = nullptr;
  size_t size_;
  bool locked_ = false;
};

// Wipes a span when its scope ends, on every path.
class WipeGuard {
 public:
  explicit WipeGuard(std::span<uint8_t> bytes) noexcept : bytes_(bytes) {}
  ~WipeGuard() { Wipe(bytes_); }
  WipeGuard(const WipeGuard&) = delete;
  WipeGuard& operator=(const WipeGuard&) = delete;

 private:
  std::span<uint8_t> bytes_;
};

// Detects a fork without a system call: a page that the kernel zeroes in the child.
class ForkSentinel {
 public:
  ForkSentinel() noexcept;
  // True in a child at its first call; false after that and in the parent.
  bool Forked() noexcept;

 private:
  SecureBuffer page_;
};

}  // namespace entropyd

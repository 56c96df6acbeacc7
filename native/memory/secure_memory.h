// Buffers for secrets: locked in RAM, left out of core dumps, wiped on fork and after use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace entropyd {

// Overwrites `bytes` in a way that the optimizer keeps: explicit_bzero(3), which is some times
// faster than OPENSSL_cleanse.
void Wipe(std::span<uint8_t> bytes) noexcept;

// Pages of its own, from mmap(2). mlock(2) may be refused by RLIMIT_MEMLOCK: the buffer then works
// unlocked and locked() says so, because a host without the limit raised still deserves service.
// After fork(2) the child sees zeros (MADV_WIPEONFORK): two processes never share a secret.
class SecureBuffer {
 public:
  explicit SecureBuffer(size_t size) noexcept;
  ~SecureBuffer();
  SecureBuffer(SecureBuffer&& other) noexcept;
  SecureBuffer(const SecureBuffer&) = delete;
  SecureBuffer& operator=(const SecureBuffer&) = delete;
  SecureBuffer& operator=(SecureBuffer&&) = delete;

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

// Wipes a span when the scope ends, on every path out of it.
class WipeGuard {
 public:
  explicit WipeGuard(std::span<uint8_t> bytes) noexcept : bytes_(bytes) {}
  ~WipeGuard() { Wipe(bytes_); }
  WipeGuard(const WipeGuard&) = delete;
  WipeGuard& operator=(const WipeGuard&) = delete;

 private:
  std::span<uint8_t> bytes_;
};

// Tells a forked child from the process that made it, without a system call: a page that the
// kernel zeroes in the child.
class ForkSentinel {
 public:
  ForkSentinel() noexcept;
  // True once in a child, for every fork between the last call and this one.
  bool Forked() noexcept;

 private:
  SecureBuffer page_;
};

}  // namespace entropyd

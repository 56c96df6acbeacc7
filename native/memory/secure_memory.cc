// Buffers for secrets, on mmap(2), mlock(2) and madvise(2).
#include "memory/secure_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace entropyd {

void Wipe(std::span<uint8_t> bytes) noexcept {
  if (!bytes.empty()) explicit_bzero(bytes.data(), bytes.size());
}

namespace {

std::atomic<size_t> total_size = 0;

size_t InPages(size_t size) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return (size + page - 1) / page * page;
}

}  // namespace

size_t SecureBuffer::TotalSize() noexcept { return total_size; }

SecureBuffer::SecureBuffer(size_t size) noexcept : size_(size) {
  total_size += InPages(size);
  void* pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  // Out of address space: no service is possible, and no caller could recover.
  if (pages == MAP_FAILED) std::abort();
  data_ = static_cast<uint8_t*>(pages);
  locked_ = mlock(pages, size) == 0;
#ifdef MADV_DONTDUMP
  madvise(pages, size, MADV_DONTDUMP);
#endif
#ifdef MADV_WIPEONFORK
  madvise(pages, size, MADV_WIPEONFORK);
#endif
}

SecureBuffer::SecureBuffer(SecureBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(other.size_), locked_(other.locked_) {}

SecureBuffer::~SecureBuffer() {
  if (data_ == nullptr) return;
  Wipe(span());
  munmap(data_, size_);  // unlocks as well
  total_size -= InPages(size_);
}

ForkSentinel::ForkSentinel() noexcept : page_(1) { *page_.data() = 1; }

bool ForkSentinel::Forked() noexcept { return std::exchange(*page_.data(), uint8_t{1}) == 0; }

}  // namespace entropyd

// MessagePack's `[1, id, nil, bin` and send(2). src/rpc/protocol.ts writes the same headers.
#include "addon/responses.h"

#include <sys/socket.h>

#include <cerrno>

#include "memory/secure_memory.h"

namespace entropyd {
namespace {

constexpr size_t kFixedSize = 8;  // array, type, uint32 and the id, nil

size_t HeaderSize(uint32_t size) {
  return kFixedSize + (size <= 0xff ? 2 : size <= 0xffff ? 3 : 5);
}

void PutBigEndian(uint8_t* at, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) at[i] = static_cast<uint8_t>(value >> (8 * (bytes - 1 - i)));
}

void PutHeader(uint8_t* at, const Request& request) {
  at[0] = 0x94;  // array of 4
  at[1] = 1;     // a response
  at[2] = 0xce;  // uint32
  PutBigEndian(at + 3, request.id, 4);
  at[7] = 0xc0;  // nil
  const bool fits_8 = request.size <= 0xff;
  const bool fits_16 = request.size <= 0xffff;
  at[8] = fits_8 ? 0xc4 : fits_16 ? 0xc5 : 0xc6;  // bin 8, 16 or 32
  PutBigEndian(at + 9, request.size, fits_8 ? 1 : fits_16 ? 2 : 4);
}

}  // namespace

bool LayOut(std::span<const Request> requests, std::span<const Recipient> recipients,
            size_t& total) noexcept {
  total = 0;
  for (const Recipient& recipient : recipients) {
    if (recipient.size < 0 || recipient.requests < 0 ||
        static_cast<size_t>(recipient.requests) > requests.size())
      return false;
    const auto own = static_cast<size_t>(recipient.size);
    uint64_t at = 0;
    for (const Request& request : requests.first(static_cast<size_t>(recipient.requests))) {
      if (at + HeaderSize(request.size) > own) return false;
      at += HeaderSize(request.size) + request.size;
    }
    requests = requests.subspan(static_cast<size_t>(recipient.requests));
    total += own;
  }
  return requests.empty();
}

void Respond(std::span<uint8_t> out, std::span<const Request> requests,
             std::span<Recipient> recipients) noexcept {
  for (Recipient& recipient : recipients) {
    const std::span<uint8_t> own = out.first(static_cast<size_t>(recipient.size));
    out = out.subspan(own.size());
    size_t at = 0;
    for (const Request& request : requests.first(static_cast<size_t>(recipient.requests))) {
      PutHeader(own.data() + at, request);
      at += HeaderSize(request.size) + request.size;
    }
    requests = requests.subspan(static_cast<size_t>(recipient.requests));
    const ssize_t sent = recipient.fd < 0 ? 0 : Send(recipient.fd, own);
    recipient.sent = sent < 0 ? 0 : static_cast<int32_t>(sent);
    Wipe(own.first(static_cast<size_t>(recipient.sent)));
  }
}

ssize_t Send(int fd, std::span<const uint8_t> bytes) noexcept {
  const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) return sent;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOBUFS ? 0 : -1;
}

}  // namespace entropyd

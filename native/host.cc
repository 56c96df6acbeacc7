// getsockopt(2), getgrnam_r(3), setrlimit(2) and prctl(2).
#include "host.h"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "secure_memory.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

namespace entropyd {

std::optional<PeerCredentials> GetPeerCredentials(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  // Without a peer the user is -1. The pid is 0 already where the peer's PID namespace is not ours:
  // a client outside of the daemon's container.
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0 ||
      credentials.uid == static_cast<uid_t>(-1))
    return std::nullopt;
  PeerCredentials peer{credentials.pid, credentials.uid, credentials.gid, {}};
  // The first call fails with ERANGE and tells the size; it is final, because a connected peer's
  // groups do not change.
  size = 0;
  getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, nullptr, &size);
  peer.groups.resize(size / sizeof(gid_t));
  if (size > 0 && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &size) != 0)
    return std::nullopt;
  return peer;
}

std::optional<gid_t> GetGroupId(const std::string& name) {
  // Room for the names of a large group's members.
  std::vector<char> strings(65536);
  group entry{};
  group* found = nullptr;
  if (getgrnam_r(name.c_str(), &entry, strings.data(), strings.size(), &found) != 0 ||
      found == nullptr)
    return std::nullopt;
  return found->gr_gid;
}

size_t SendAndWipe(int fd, std::span<uint8_t> bytes) noexcept {
  const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent <= 0) return 0;
  Wipe(bytes.first(static_cast<size_t>(sent)));
  return static_cast<size_t>(sent);
}

bool Harden() noexcept {
  const rlimit none{0, 0};
  const bool no_core = setrlimit(RLIMIT_CORE, &none) == 0;
  return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && no_core;
}

}  // namespace entropyd

// Linux calls that Node does not expose: peer credentials, datagrams for sd_notify, process
// hardening.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace entropyd {

struct PeerCredentials {
  pid_t pid;
  uid_t uid;
  gid_t gid;
  std::vector<gid_t> groups;  // supplementary
};

// SO_PEERCRED and SO_PEERGROUPS (unix(7), socket(7)), as they were when the peer connected. Empty
// if `fd` is not a connected Unix socket.
std::optional<PeerCredentials> GetPeerCredentials(int fd);

// The id of a group by its name, through NSS (getgrnam_r(3)). Empty if there is no such group.
std::optional<gid_t> GetGroupId(const std::string& name);

// The path to which a Unix socket is bound (getsockname(2)). Empty if `fd` is not a Unix socket, or
// has no name or an abstract one.
std::optional<std::string> GetSocketPath(int fd);

// Sends a datagram to a Unix socket by its path or, with a leading '@', its abstract name, as
// sd_notify(3) does. If the receiver's queue is full, `wait` waits at most a second, and without it
// the result is EAGAIN. Returns 0 or an errno.
int SendDatagram(std::string_view address, std::string_view message, bool wait) noexcept;

// No core dumps (RLIMIT_CORE 0) and no ptrace by other processes of the user (PR_SET_DUMPABLE 0).
// Only for programs; a library must not call it. False if the kernel refused either.
bool Harden() noexcept;

}  // namespace entropyd

/*
 * libentropyd: random bytes from the entropyd of this host, for C and C++.
 * The manual page entropyd_get(3) has examples.
 *
 * Both functions may be called by any number of threads, and after fork(2) in parent and child: a
 * child never uses a connection of its parent. They raise no SIGPIPE, are no cancellation points,
 * print nothing, and never end the process. They are not async-signal-safe.
 *
 * The daemon is looked for at the path in ENTROPYD_SOCKET, at /run/entropyd/entropyd.sock if that
 * exists, and at entropyd/entropyd.sock in XDG_RUNTIME_DIR. Programs with raised privileges ignore
 * the environment, as secure_getenv(3) has it. Up to 8 connections are kept for later calls.
 *
 * On failure both return -1 and set errno; otherwise errno is unchanged:
 *
 *   EINVAL        an argument is out of range
 *   EAGAIN        no seed yet, no noise for prediction resistance, or getrandom(2) is not ready:
 *                 try again after a pause
 *   EBUSY         the daemon has too much to do, or this user has asked for too much: the same
 *   EIO           the generator is in its error state, until an administrator acts
 *   EOPNOTSUPP    the daemon is older than what was asked for
 *   EREMOTEIO     the daemon reports any other failure
 *   EPROTO        what the daemon sent is not an answer to the request
 *   ETIMEDOUT     a request was not answered within 5 seconds
 *   ECONNRESET    the daemon closed the connection twice, or in the middle of an answer
 *   ENAMETOOLONG  the path of the socket has more than 107 bytes
 *
 * Others are those of socket(2), connect(2) and getrandom(2): ENOENT and ECONNREFUSED mean that no
 * daemon is running, EACCES that this user may not connect.
 */
#ifndef ENTROPYD_H
#define ENTROPYD_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ENTROPYD_MUST_CHECK __attribute__((warn_unused_result))
#else
#define ENTROPYD_MUST_CHECK
#endif

/*
 * Flag of entropyd_get: reseed the generator from noise that is read after the request, before each
 * 64 KiB. The daemon waits up to 4 seconds for it and never falls back to less: EAGAIN.
 */
#define ENTROPYD_PREDICTION_RESISTANCE 1U

/*
 * Fills buf with len random bytes: the daemon's, XORed with as many of getrandom(2), so that
 * neither alone decides on them. On failure all of buf is zero.
 *
 * len: 0 to PTRDIFF_MAX. Above 1 MiB, or 64 KiB with prediction resistance, it takes several
 * requests, each with 5 seconds of its own. With 0 nothing is done, and buf may be NULL.
 *
 * flags: 0, or ENTROPYD_PREDICTION_RESISTANCE.
 *
 * Returns 0, or -1.
 */
ENTROPYD_MUST_CHECK int entropyd_get(void* buf, size_t len, unsigned flags);

/*
 * States of the daemon's generator, which entropyd_health returns. It serves in OPERATIONAL, in
 * which no noise source is lost or failed, in DEGRADED, and in FALLBACK, without noise sources of
 * its own. It has no seed yet in SEEDING, and refuses in ERROR, until an administrator acts.
 * UNKNOWN is one that only a later version of the library knows.
 */
#define ENTROPYD_STATE_UNKNOWN 0
#define ENTROPYD_STATE_OPERATIONAL 1
#define ENTROPYD_STATE_DEGRADED 2
#define ENTROPYD_STATE_FALLBACK 3
#define ENTROPYD_STATE_SEEDING 4
#define ENTROPYD_STATE_ERROR 5

/*
 * The state of the daemon's generator.
 *
 * reason: NULL, or receives why the state is what it is, for people: printable ASCII and a
 * terminating NUL, as much as there is room for. Empty if there is nothing to say, and on failure.
 *
 * size: bytes of reason, 1 or more; 512 hold most.
 *
 * Returns one of the states, or -1.
 */
ENTROPYD_MUST_CHECK int entropyd_health(char* reason, size_t size);

#ifdef __cplusplus
}
#endif

#endif

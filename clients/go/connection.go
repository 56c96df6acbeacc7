package entropyd

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

const (
	systemSocket = "/run/entropyd/entropyd.sock"

	maxKept = 8 // the daemon gives a user 1024

	// Pauses between attempts to connect, less up to half of them so that not all clients of a daemon
	// come back in the same moment: as in the client library for Node.js.
	firstPause = 25 * time.Millisecond
	maxPause   = 800 * time.Millisecond

	bufferSize = 16 << 10
)

// A connection, and what was received on it last; zeros when nobody uses it.
type connection struct {
	conn   *net.UnixConn
	buffer []byte
}

// Where a client looks for the daemon: docs/protocol.md, "Transport".
func (c *Client) findDaemon() string {
	if c.Path != "" {
		return c.Path
	}
	// As secure_getenv(3) has it.
	if os.Getuid() != os.Geteuid() || os.Getgid() != os.Getegid() {
		return systemSocket
	}
	if path := os.Getenv("ENTROPYD_SOCKET"); path != "" {
		return path
	}
	if folder := os.Getenv("XDG_RUNTIME_DIR"); folder != "" {
		if _, err := os.Stat(systemSocket); err != nil {
			return folder + "/entropyd/entropyd.sock"
		}
	}
	return systemSocket
}

// Returns a connection that was kept, or a new one.
func (c *Client) take(ctx context.Context) (*connection, error) {
	for {
		c.lock.Lock()
		if c.closed {
			c.lock.Unlock()
			return nil, &Error{Code: "ERR_CLOSED", Message: "the client is closed"}
		}
		if len(c.kept) == 0 {
			c.lock.Unlock()
			return c.dial(ctx, false)
		}
		last := len(c.kept) - 1
		kept := c.kept[last]
		c.kept[last] = nil
		c.kept = c.kept[:last]
		c.lock.Unlock()
		if isSilent(kept.conn) {
			return kept, nil
		}
		kept.conn.Close()
	}
}

// Returns a new connection after a loss, perhaps to a daemon that is just restarting.
func (c *Client) renew(ctx context.Context) (*connection, error) { return c.dial(ctx, true) }

func (c *Client) dial(ctx context.Context, waits bool) (*connection, error) {
	path := c.findDaemon()
	for pause := firstPause; ; pause *= 2 {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		if err == nil {
			return &connection{conn.(*net.UnixConn), make([]byte, bufferSize)}, nil
		}
		// EAGAIN: the daemon's backlog is full (connect(2)).
		isFull := errors.Is(err, syscall.EAGAIN)
		if ctx.Err() != nil && !waits {
			return nil, ctx.Err()
		}
		if ctx.Err() != nil || (!isFull && !(waits && isAway(err))) {
			return nil, connectError(path, err)
		}
		if pause > maxPause {
			pause = maxPause
		}
		// The clock's last digits are as good as chance here.
		less := time.Duration(time.Now().Nanosecond()/1000%1000) * pause / 2000
		timer := time.NewTimer(pause - less)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			if isFull {
				return nil, ctx.Err()
			}
			return nil, connectError(path, err)
		}
	}
}

// Takes back a connection whose answer was read to its end.
func (c *Client) keep(used *connection) {
	c.lock.Lock()
	isKept := !c.closed && len(c.kept) < maxKept
	if isKept {
		c.kept = append(c.kept, used)
	}
	c.lock.Unlock()
	if !isKept {
		used.conn.Close()
	}
}

// Whether nothing can be read: neither an end, nor an answer that nobody waits for.
func isSilent(conn *net.UnixConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	isSilent := false
	err = raw.Control(func(fd uintptr) {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		isSilent = errors.Is(err, syscall.EAGAIN)
	})
	return err == nil && isSilent
}

// Ends what a connection waits for when a context ends. The caller calls what it returns before it uses
// the connection for anything else.
func watch(ctx context.Context, conn *net.UnixConn) (stop func()) {
	// The context of a call always has a deadline.
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-ctx.Done():
			conn.SetDeadline(time.Unix(1, 0))
		case <-done:
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

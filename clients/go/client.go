// Package entropyd returns random bytes from the entropyd of this host.
//
// The bytes are the daemon's, XORed with as many of crypto/rand, so that neither alone decides on them.
// A call that fails returns no bytes, and leaves zeros in the caller's buffer.
package entropyd

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// docs/protocol.md, "Limits": bytes of one request.
	maxRandomSize = 1 << 20
	// What one reseed allows, so that each request has the daemon's 4 s to itself.
	resistantRandomSize = 64 << 10

	defaultTimeout = 5 * time.Second
)

// A Client is a client of the daemon, for any number of goroutines. Its zero value is ready to use. It
// connects when it is first called, keeps up to 8 connections for later calls, and reconnects.
type Client struct {
	// Path of the daemon's socket. Empty: ENTROPYD_SOCKET, /run/entropyd/entropyd.sock if it exists, or
	// entropyd/entropyd.sock in XDG_RUNTIME_DIR. Programs with raised privileges ignore the environment.
	Path string
	// Timeout of each request, besides the context's. 0: 5 seconds.
	Timeout time.Duration

	lock   sync.Mutex
	kept   []*connection
	closed bool
}

// Health is the state of the daemon's generator, as docs/protocol.md has it.
type Health struct {
	// State is seeding, operational, degraded, error or fallback.
	State string
	// Healthy is true in operational only: it serves, and no source is lost or failed.
	Healthy bool
	// Reason is for people.
	Reason string
	// Sources are the noise sources, with the members that the daemon has; numbers are float64.
	Sources []map[string]any
}

// Read fills all of p with random bytes. It is an io.Reader that never returns fewer bytes, or an end: it
// returns len(p), or 0 and an error, which is an *Error; then p is all zeros. Above 1 MiB it takes several requests,
// each with its own Timeout.
func (c *Client) Read(p []byte) (int, error) {
	if err := c.fill(context.Background(), p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Random returns n random bytes, 0 or more. Above 1 MiB it takes several requests, each with its own
// Timeout. The error is an *Error, or that of a context which was canceled.
func (c *Client) Random(ctx context.Context, n int) ([]byte, error) {
	return c.random(ctx, n, false)
}

// RandomPredictionResistant is Random with prediction resistance: the daemon reseeds from noise that it
// reads after the request, before each 64 KiB. It waits up to 4 seconds for it, and never falls back to
// less: ERR_ENTROPY.
func (c *Client) RandomPredictionResistant(ctx context.Context, n int) ([]byte, error) {
	return c.random(ctx, n, true)
}

// Health returns the state of the daemon's generator. The error is as of Random.
func (c *Client) Health(ctx context.Context) (*Health, error) {
	request := call{id: nextID()}
	if err := c.do(ctx, &request); err != nil {
		return nil, err
	}
	return request.health, nil
}

// Close closes the connections that are kept. Later calls fail with ERR_CLOSED.
func (c *Client) Close() error {
	c.lock.Lock()
	kept := c.kept
	c.kept, c.closed = nil, true
	c.lock.Unlock()
	for _, each := range kept {
		each.conn.Close()
	}
	return nil
}

func (c *Client) random(ctx context.Context, n int, resist bool) ([]byte, error) {
	if n < 0 {
		return nil, &Error{Code: "ERR_LENGTH", Message: "n: want 0 bytes or more"}
	}
	p := make([]byte, n)
	if err := c.fill(ctx, p, resist); err != nil {
		return nil, err
	}
	return p, nil
}

func (c *Client) fill(ctx context.Context, p []byte, resist bool) error {
	most := maxRandomSize
	if resist {
		most = resistantRandomSize
	}
	for done := 0; done < len(p); {
		part := p[done:]
		if len(part) > most {
			part = part[:most]
		}
		request := call{id: nextID(), target: part, resist: resist}
		if err := c.do(ctx, &request); err != nil {
			wipe(p)
			return err
		}
		done += len(part)
	}
	return nil
}

// Makes a call, a second time if its connection ends before the answer begins: all requests can be
// repeated.
func (c *Client) do(ctx context.Context, request *call) error {
	timeout := c.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	connection, err := c.take(bounded)
	if err == nil {
		err = c.attempt(bounded, connection, request)
		var loss *lostError
		if errors.As(err, &loss) && !loss.begun {
			if connection, err = c.renew(bounded); err == nil {
				err = c.attempt(bounded, connection, request)
			}
		}
	}
	return c.explained(ctx, bounded, err)
}

// The error that a caller sees.
func (c *Client) explained(ctx, bounded context.Context, err error) error {
	var known *Error
	var loss *lostError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	// Whatever failed because of it: its own error, as with other functions that take a context.
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case bounded.Err() != nil || isTimeout(err):
		return &Error{Code: "ERR_TIMEOUT", Message: "no answer in time", Err: context.DeadlineExceeded}
	case errors.As(err, &loss) && loss.begun:
		return &Error{Code: "ERR_CLOSED", Message: "the daemon closed the connection in the middle of an answer", Err: err}
	default:
		return &Error{Code: "ERR_CLOSED", Message: "the daemon closed the connection", Err: err}
	}
}

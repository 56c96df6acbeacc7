package entropyd

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"unicode"
)

// An Error is a failure of the daemon, or of the way to it. Match on its code; the message may change.
//
// The daemon's codes are in docs/protocol.md, such as ERR_NOT_SEEDED, ERR_HEALTH and ERR_BUSY; later
// daemons may have others. The client adds:
//
//	ERR_CONNECT    no daemon is running, or this user may not connect
//	ERR_TIMEOUT    a request was not answered in time; it wraps context.DeadlineExceeded
//	ERR_CLOSED     the connection was lost twice, or in the middle of an answer; or the client is closed
//	ERR_MESSAGE    what was sent is not an answer to the request
//	ERR_TOO_LARGE  the answer is larger than any of the daemon's
type Error struct {
	Code    string
	Message string
	// Err is the cause, or nil.
	Err error
}

func (e *Error) Error() string { return fmt.Sprintf("entropyd: %s (%s)", e.Message, e.Code) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func unexpected(what string) *Error {
	return &Error{Code: "ERR_MESSAGE", Message: "the daemon sent " + what}
}

// A connection that ended.
type lostError struct {
	begun bool // whether any byte of the answer has come
	cause error
}

func (e *lostError) Error() string { return e.cause.Error() }
func (e *lostError) Unwrap() error { return e.cause }

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// What is wrong with the way to the daemon, and what helps.
func connectError(path string, cause error) *Error {
	message := fmt.Sprintf("cannot connect to %s (%v)", path, cause)
	switch {
	case errors.Is(cause, syscall.EACCES):
		message = fmt.Sprintf("no permission to connect to %s; "+
			"it takes write permission on the socket and search permission on its directories", path)
	case isAway(cause):
		message = fmt.Sprintf("no daemon on %s; start one with: systemctl start entropyd.socket, or entropyd --socket %s",
			path, path)
	}
	return &Error{Code: "ERR_CONNECT", Message: message, Err: cause}
}

// No daemon is there, or not yet.
func isAway(cause error) bool {
	return errors.Is(cause, syscall.ENOENT) || errors.Is(cause, syscall.ECONNREFUSED)
}

// Text of an untrusted peer that a terminal can print, cut to a number of characters.
func plain(text string, most int) string {
	count := 0
	return strings.Map(func(r rune) rune {
		if count++; count > most {
			return -1
		}
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

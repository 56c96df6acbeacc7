package entropyd

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"io"
	"sync/atomic"
)

// A call: random bytes for target, or health if there is none.
type call struct {
	id     uint32
	target []byte
	resist bool
	health *Health // the result
}

var lastID uint32

// An answer with id 0 is to what the daemon could not read.
func nextID() uint32 {
	for {
		if id := atomic.AddUint32(&lastID, 1); id != 0 {
			return id
		}
	}
}

// Tests replace it.
var ownBytes io.Reader = rand.Reader

// Waits until the kernel's generator is ready, without a deadline: crypto/rand has none.
func fillOwn(p []byte) error {
	if _, err := io.ReadFull(ownBytes, p); err != nil {
		return &Error{Code: "ERR_NOT_SEEDED", Message: "no bytes of crypto/rand", Err: err}
	}
	return nil
}

const resistant = "\x81\xb4predictionResistance\xc3"

// `[0, id, "random", [size]]`, with the option or without, or `[0, id, "health", []]`.
func (c *call) request() []byte {
	bytes := binary.BigEndian.AppendUint32([]byte{0x94, 0, 0xce}, c.id)
	if c.target == nil {
		return append(bytes, "\xa6health\x90"...)
	}
	bytes = append(bytes, "\xa6random"...)
	if !c.resist {
		return binary.BigEndian.AppendUint32(append(bytes, 0x91, 0xce), uint32(len(c.target)))
	}
	bytes = binary.BigEndian.AppendUint32(append(bytes, 0x92, 0xce), uint32(len(c.target)))
	return append(bytes, resistant...)
}

// Makes a call on a connection, which is kept or closed afterwards.
func (c *Client) attempt(ctx context.Context, on *connection, request *call) error {
	stop := watch(ctx, on.conn)
	answer := newReader(on.conn, on.buffer)
	inStep := false
	err := request.send(on.conn)
	if err == nil && request.target != nil {
		// While the daemon is at work.
		err = fillOwn(request.target)
	}
	if err == nil {
		inStep, err = answer.result(request)
	}
	answer.wipe()
	stop()
	if inStep {
		c.keep(on)
	} else {
		on.conn.Close()
	}
	return err
}

// Whatever ends the connection is noticed when the answer is read.
func (c *call) send(to io.Writer) error {
	if _, err := to.Write(c.request()); isTimeout(err) {
		return err
	}
	return nil
}

// Reads `[1, id, nil, result]`, or `[1, id, [code, message], nil]`. inStep: whether the connection can be
// used again.
func (r *reader) result(of *call) (inStep bool, err error) {
	const other = "something else than an answer"
	if err := r.expect(head{kind: kindArray, count: 4}, other); err != nil {
		return false, err
	}
	if err := r.expect(head{kind: kindUint, count: 1}, other); err != nil {
		return false, err
	}
	id, err := r.head()
	if err != nil {
		return false, err
	}
	if id.kind != kindUint || (id.count != 0 && id.count != uint64(of.id)) {
		return false, unexpected("an answer to another request")
	}
	failure, err := r.value(2)
	if err != nil {
		return false, err
	}
	var refusal error
	switch {
	case failure != nil:
		if refusal, err = refusalOf(failure); err == nil {
			err = r.expect(head{kind: kindNil}, "an error with a result")
		}
	case id.count == 0:
		err = unexpected("an answer to another request")
	case of.target != nil:
		err = r.expect(head{kind: kindBin, count: uint64(len(of.target))}, "another number of bytes")
		if err == nil {
			err = r.mix(of.target)
		}
	default:
		of.health, err = r.health()
	}
	if err != nil {
		return false, err
	}
	if r.at != r.end {
		return false, unexpected("more than the answer")
	}
	return id.count != 0, refusal
}

func (r *reader) expect(wanted head, otherwise string) error {
	next, err := r.head()
	if err == nil && next != wanted {
		err = unexpected(otherwise)
	}
	return err
}

func refusalOf(failure any) (refusal, err error) {
	if pair, isArray := failure.([]any); isArray && len(pair) == 2 {
		code, hasCode := pair[0].(string)
		message, hasMessage := pair[1].(string)
		if hasCode && hasMessage {
			return &Error{Code: plain(code, 64), Message: plain(message, 1024)}, nil
		}
	}
	return nil, unexpected("an error without code and text")
}

func (r *reader) health() (*Health, error) {
	result, err := r.value(2)
	if err != nil {
		return nil, err
	}
	members, _ := result.(map[string]any)
	state, hasState := members["state"].(string)
	if !hasState {
		return nil, unexpected("health without a state")
	}
	health := &Health{State: state}
	health.Healthy, _ = members["healthy"].(bool)
	health.Reason, _ = members["reason"].(string)
	sources, _ := members["sources"].([]any)
	for _, each := range sources {
		if source, isMap := each.(map[string]any); isMap {
			health.Sources = append(health.Sources, source)
		}
	}
	return health, nil
}

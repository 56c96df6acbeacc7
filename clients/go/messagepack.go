package entropyd

import (
	"encoding/binary"
	"io"
	"math"
	"unicode/utf8"
)

// Bounds of an answer, as in the client library for Node.js.
const (
	maxAnswerSize = 4 << 20
	maxElements   = 4096
	maxDepth      = 8
)

type kind int

const (
	kindNil kind = iota
	kindUint
	kindNumber // any other
	kindBool
	kindStr
	kindBin
	kindArray
	kindMap
)

// A value's head: what it is, and its value or its count.
type head struct {
	kind   kind
	count  uint64
	number float64
}

// Reads MessagePack of an untrusted peer from the front: the types that the daemon may send, in any
// encoding. Nothing is believed of a length but that it is not above what the answer may still have.
type reader struct {
	source   io.Reader
	buffer   []byte // what was received last, of which at..end is not taken yet
	at, end  int
	most     int // end of what the buffer ever held
	begun    bool
	left     uint64
	elements uint64
	scratch  [8]byte
}

func newReader(source io.Reader, buffer []byte) *reader {
	return &reader{source: source, buffer: buffer, left: maxAnswerSize, elements: maxElements}
}

// Makes at < end.
func (r *reader) receive() error {
	for r.at == r.end {
		n, err := r.source.Read(r.buffer)
		if n > 0 {
			r.begun = true
			r.at, r.end = 0, n
			if n > r.most {
				r.most = n
			}
			return nil
		}
		if err != nil {
			return r.failed(err)
		}
	}
	return nil
}

func (r *reader) failed(err error) error {
	if isTimeout(err) {
		return err
	}
	return &lostError{r.begun, err}
}

// Fills p with what comes next.
func (r *reader) take(p []byte) error {
	if uint64(len(p)) > r.left {
		return tooLarge()
	}
	r.left -= uint64(len(p))
	for len(p) > 0 {
		if err := r.receive(); err != nil {
			return err
		}
		n := copy(p, r.buffer[r.at:r.end])
		p = p[n:]
		r.at += n
	}
	return nil
}

// XORs the next len(p) bytes into p.
func (r *reader) mix(p []byte) error {
	for len(p) > 0 {
		if err := r.receive(); err != nil {
			return err
		}
		n := xor(p, r.buffer[r.at:r.end])
		p = p[n:]
		r.at += n
	}
	return nil
}

// Takes a big-endian number of 1, 2, 4 or 8 bytes.
func (r *reader) uint(size int) (uint64, error) {
	r.scratch = [8]byte{}
	err := r.take(r.scratch[8-size:])
	return binary.BigEndian.Uint64(r.scratch[:]), err
}

func (r *reader) head() (head, error) {
	first, err := r.uint(1)
	if err != nil {
		return head{}, err
	}
	switch {
	case first < 0x80:
		return head{kind: kindUint, count: first}, nil
	case first < 0x90:
		return head{kind: kindMap, count: first - 0x80}, nil
	case first < 0xa0:
		return head{kind: kindArray, count: first - 0x90}, nil
	case first < 0xc0:
		return head{kind: kindStr, count: first - 0xa0}, nil
	case first >= 0xe0:
		return head{kind: kindNumber, number: float64(int8(first))}, nil
	}
	counted := func(kind kind, size int) (head, error) {
		count, err := r.uint(size)
		return head{kind: kind, count: count}, err
	}
	switch first {
	case 0xc0:
		return head{kind: kindNil}, nil
	case 0xc2, 0xc3:
		return head{kind: kindBool, count: first - 0xc2}, nil
	case 0xc4, 0xc5, 0xc6:
		return counted(kindBin, 1<<(first-0xc4))
	case 0xca:
		bits, err := r.uint(4)
		return head{kind: kindNumber, number: float64(math.Float32frombits(uint32(bits)))}, err
	case 0xcb:
		bits, err := r.uint(8)
		return head{kind: kindNumber, number: math.Float64frombits(bits)}, err
	case 0xcc, 0xcd, 0xce, 0xcf:
		return counted(kindUint, 1<<(first-0xcc))
	case 0xd0, 0xd1, 0xd2, 0xd3:
		size := 1 << (first - 0xd0)
		value, err := r.uint(size)
		signed := int64(value<<(64-8*size)) >> (64 - 8*size)
		if signed >= 0 {
			return head{kind: kindUint, count: value}, err
		}
		return head{kind: kindNumber, number: float64(signed)}, err
	case 0xd9, 0xda, 0xdb:
		return counted(kindStr, 1<<(first-0xd9))
	case 0xdc, 0xdd:
		return counted(kindArray, 2<<(first-0xdc))
	case 0xde, 0xdf:
		return counted(kindMap, 2<<(first-0xde))
	}
	// Extension types, and 0xc1.
	return head{}, unexpected("a type that it never sends")
}

// Returns the next value, whole: nil, bool, float64, string, []byte, []any or map[string]any. depth: of
// the arrays and maps that it is in.
func (r *reader) value(depth int) (any, error) {
	next, err := r.head()
	if err != nil {
		return nil, err
	}
	return r.body(next, depth)
}

// Returns the value behind a head.
func (r *reader) body(of head, depth int) (any, error) {
	switch of.kind {
	case kindNil:
		return nil, nil
	case kindBool:
		return of.count == 1, nil
	case kindUint:
		return float64(of.count), nil
	case kindNumber:
		return of.number, nil
	case kindStr, kindBin:
		if of.count > r.left {
			return nil, tooLarge()
		}
		bytes := make([]byte, of.count)
		if err := r.take(bytes); err != nil || of.kind == kindBin {
			return bytes, err
		}
		if !utf8.Valid(bytes) {
			return nil, unexpected("text that is not UTF-8")
		}
		return string(bytes), nil
	}
	values := of.count
	if of.kind == kindMap {
		values *= 2
	}
	if values > r.elements || depth >= maxDepth {
		return nil, tooLarge()
	}
	r.elements -= values
	if of.kind == kindArray {
		return r.array(of.count, depth)
	}
	return r.members(of.count, depth)
}

func (r *reader) array(count uint64, depth int) (any, error) {
	items := make([]any, count)
	for i := range items {
		item, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		items[i] = item
	}
	return items, nil
}

func (r *reader) members(count uint64, depth int) (any, error) {
	members := make(map[string]any, count)
	for ; count > 0; count-- {
		key, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		name, isText := key.(string)
		if !isText {
			return nil, unexpected("a map with a key that is not text")
		}
		if members[name], err = r.value(depth + 1); err != nil {
			return nil, err
		}
	}
	return members, nil
}

// Overwrites what was received.
func (r *reader) wipe() { wipe(r.buffer[:r.most]) }

func tooLarge() error {
	return &Error{Code: "ERR_TOO_LARGE", Message: "the daemon sent too large an answer"}
}

// XORs as many bytes as both have; how many. subtle.XORBytes is not in Go 1.19.
func xor(to, from []byte) int {
	if len(from) > len(to) {
		from = from[:len(to)]
	}
	i := 0
	for ; i+8 <= len(from); i += 8 {
		mixed := binary.LittleEndian.Uint64(to[i:]) ^ binary.LittleEndian.Uint64(from[i:])
		binary.LittleEndian.PutUint64(to[i:], mixed)
	}
	for ; i < len(from); i++ {
		to[i] ^= from[i]
	}
	return len(from)
}

func wipe(p []byte) {
	for i := range p {
		p[i] = 0
	}
}

package entropyd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

var body = bytes.Repeat([]byte{0x0f}, 32)

const gigabyte = "\x40\x00\x00\x00"

type constant byte

func (c constant) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(c)
	}
	return len(p), nil
}

// Makes the process's own bytes be one only, until the test ends.
func own(t *testing.T, source io.Reader) {
	before := ownBytes
	ownBytes = source
	t.Cleanup(func() { ownBytes = before })
}

func whole(r request) said {
	return said{bytes: answerOf(r.id, bytes.Repeat([]byte{0x0f}, int(r.size)))}
}

func TestMixing(t *testing.T) {
	client := &Client{Path: startServer(t, whole).path}
	defer client.Close()
	if data := wantBytes(t, client, 64); bytes.Contains(data, body[:8]) {
		t.Error("the daemon's bytes alone")
	}
	for own1, mixed := range map[byte]byte{0: 0x0f, 0x0f: 0, 0xf0: 0xff} {
		own(t, constant(own1))
		for _, n := range []int{1, 7, 33, 3_000_001} {
			if data := wantBytes(t, client, n); !bytes.Equal(data, bytes.Repeat([]byte{mixed}, n)) {
				t.Errorf("%d bytes with %x", n, own1)
			}
		}
	}
	own(t, strings.NewReader("short"))
	_, err := client.Random(background, 32)
	wantCode(t, "ERR_NOT_SEEDED", err)
}

func TestLargeCallsAreSplit(t *testing.T) {
	server := startServer(t, whole)
	client := &Client{Path: server.path}
	defer client.Close()
	wantBytes(t, client, 2<<20+1)
	if _, err := client.RandomPredictionResistant(background, 128<<10+5); err != nil {
		t.Fatal(err)
	}
	var sizes []uint32
	for i, each := range server.asked() {
		sizes = append(sizes, each.size)
		if each.resist != (i >= 3) {
			t.Error(each)
		}
	}
	if !reflect.DeepEqual(sizes, []uint32{1 << 20, 1 << 20, 1, 64 << 10, 64 << 10, 5}) || server.connections() != 1 {
		t.Error(sizes, server.connections())
	}
}

func TestWrongAnswers(t *testing.T) {
	after := func(id uint32, text string) []byte { return append(answerHead(id), text...) }
	for rule, each := range map[string]struct {
		code string
		said func(uint32) said
	}{
		"cut in the header":      {"ERR_CLOSED", func(i uint32) said { return said{answerOf(i, body)[:3], true} }},
		"cut in the bytes":       {"ERR_CLOSED", func(i uint32) said { return said{answerOf(i, body)[:40], true} }},
		"another id":             {"ERR_MESSAGE", func(i uint32) said { return said{bytes: answerOf(i+1, body)} }},
		"id 0":                   {"ERR_MESSAGE", func(i uint32) said { return said{bytes: answerOf(0, body)} }},
		"too few bytes":          {"ERR_MESSAGE", func(i uint32) said { return said{bytes: answerOf(i, body[1:])} }},
		"too many bytes":         {"ERR_MESSAGE", func(i uint32) said { return said{bytes: answerOf(i, make([]byte, 33))} }},
		"a gigabyte":             {"ERR_MESSAGE", func(i uint32) said { return said{bytes: after(i, "\xc0\xc6"+gigabyte)} }},
		"two answers":            {"ERR_MESSAGE", func(i uint32) said { return said{bytes: append(answerOf(i, body), 0x94)} }},
		"a request":              {"ERR_MESSAGE", func(i uint32) said { return said{bytes: append([]byte{0x94, 0}, answerOf(i, body)[2:]...)} }},
		"text for bytes":         {"ERR_MESSAGE", func(i uint32) said { return said{bytes: after(i, "\xc0\xd9\x20"+string(body))} }},
		"nothing for bytes":      {"ERR_MESSAGE", func(i uint32) said { return said{bytes: after(i, "\xc0\xc0")} }},
		"a number for the error": {"ERR_MESSAGE", func(i uint32) said { return said{bytes: after(i, "\x05\xc0")} }},
		"an error with a result": {"ERR_MESSAGE", func(i uint32) said { return said{bytes: after(i, "\x92\xa1a\xa1b\x01")} }},
		"text that is not UTF-8": {"ERR_MESSAGE", func(i uint32) said { return said{bytes: after(i, "\x92\xa1\xff\xa1b\xc0")} }},
		"an extension type":      {"ERR_MESSAGE", func(i uint32) said { return said{bytes: after(i, "\xd4\x00\x00")} }},
		"an error of a gigabyte": {"ERR_TOO_LARGE", func(i uint32) said { return said{bytes: after(i, "\x92\xdb"+gigabyte)} }},
		"a billion values":       {"ERR_TOO_LARGE", func(i uint32) said { return said{bytes: after(i, "\xdd"+gigabyte)} }},
		"deep arrays":            {"ERR_TOO_LARGE", func(i uint32) said { return said{bytes: after(i, strings.Repeat("\x91", 99))} }},
		"HTTP":                   {"ERR_MESSAGE", func(i uint32) said { return said{bytes: []byte("HTTP/1.1 200 OK\r\n")} }},
		"a refusal with id 0":    {"ERR_BUSY", func(i uint32) said { return said{refusal(0, "ERR_BUSY", "x"), true} }},
	} {
		each := each
		t.Run(rule, func(t *testing.T) {
			server := startServer(t, func(r request) said {
				if r.nth > 1 {
					return whole(r)
				}
				return each.said(r.id)
			})
			client := &Client{Path: server.path}
			defer client.Close()
			p := make([]byte, 32)
			n, err := client.Read(p)
			wantCode(t, each.code, err)
			if n != 0 || !bytes.Equal(p, make([]byte, 32)) {
				t.Error("a failure leaves zeros")
			}
			wantBytes(t, client, 32)
			if server.connections() != 2 {
				t.Error(server.connections(), "connections")
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	server := startServer(t, func(r request) said {
		return said{bytes: refusal(r.id, "ERR_OF_LATER", "why\x1b[31m\n"+strings.Repeat("x", 2000))}
	})
	client := &Client{Path: server.path}
	defer client.Close()
	for i := 0; i < 3; i++ {
		_, err := client.Random(background, 32)
		failure := wantCode(t, "ERR_OF_LATER", err)
		if !strings.HasPrefix(failure.Message, "why?[31m?xx") || len(failure.Message) != 1024 {
			t.Error(failure.Message)
		}
	}
	if server.connections() != 1 {
		t.Error(server.connections(), "connections")
	}
}

func TestHealthIsDecoded(t *testing.T) {
	server := startServer(t, func(r request) said {
		return said{bytes: append(answerHead(r.id), "\xc0\xdf\x00\x00\x00\x05\xa5state\xa8degraded\xa7healthy\xc2"+
			"\xa6reason\xd9\x03\xc3\xa9!\xa7sources\x91\x81\xa1n\x98\x7f\xff\xcc\xff\xd0\x80\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00"+
			"\xca\x3f\x00\x00\x00\xd2\x00\x00\x00\x05\xc0\xa1b\xc4\x02\x00\xff"...)}
	})
	client := &Client{Path: server.path}
	defer client.Close()
	health, err := client.Health(background)
	numbers := []any{127.0, -1.0, 255.0, -128.0, 1.5, 0.5, 5.0, nil}
	wanted := &Health{State: "degraded", Reason: "é!", Sources: []map[string]any{{"n": numbers}}}
	if err != nil || !reflect.DeepEqual(health, wanted) {
		t.Error(health, err)
	}
}

func TestLosses(t *testing.T) {
	t.Run("a request without any answer is sent once more, and not twice", func(t *testing.T) {
		server := startServer(t, func(r request) said {
			if r.nth%2 == 1 || r.nth > 4 {
				return said{ends: true}
			}
			return whole(r)
		})
		client := &Client{Path: server.path}
		defer client.Close()
		wantBytes(t, client, 32)
		wantBytes(t, client, 32)
		_, err := client.Random(background, 32)
		wantCode(t, "ERR_CLOSED", err)
		if n := len(server.asked()); n != 6 {
			t.Error(n, "requests")
		}
	})
	t.Run("a kept connection that was lost, or has an answer too many, is not used", func(t *testing.T) {
		server := startServer(t, func(r request) said {
			reply := whole(r)
			reply.ends = r.nth == 1
			return reply
		})
		client := &Client{Path: server.path}
		defer client.Close()
		wantBytes(t, client, 32)
		server.serving.Wait()
		wantBytes(t, client, 32)
		server.conns[1].Write([]byte("more"))
		wantBytes(t, client, 32)
		if len(server.asked()) != 3 || server.connections() != 3 {
			t.Error(len(server.asked()), server.connections())
		}
	})
	t.Run("a daemon that hangs is given up, by the timeout or the context", func(t *testing.T) {
		server := startServer(t, func(request) said { return said{bytes: []byte{0x94}} })
		client := &Client{Path: server.path, Timeout: 20 * time.Millisecond}
		_, err := client.Random(background, 32)
		if wantCode(t, "ERR_TIMEOUT", err); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		client.Timeout = time.Hour
		short, cancel := context.WithTimeout(background, 20*time.Millisecond)
		defer cancel()
		_, err = client.Random(short, 32)
		wantCode(t, "ERR_TIMEOUT", err)
		canceled, cancel := context.WithCancel(background)
		time.AfterFunc(20*time.Millisecond, cancel)
		if _, err = client.Health(canceled); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestFuzzedServer(t *testing.T) {
	seed := time.Now().UnixNano()
	if given, err := strconv.ParseInt(os.Getenv("ENTROPYD_TEST_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Log("seed", seed)
	chance := rand.New(rand.NewSource(seed))
	server := startServer(t, func(r request) said {
		data := answerOf(r.id, body)
		if r.method == "health" {
			data = append(answerHead(r.id), "\xc0\xde\x00\x02\xa5state\xa2ok\xa7sources\x91\x80"...)
		} else if r.nth%5 == 0 {
			data = refusal(r.id, "ERR_BUSY", "why")
		}
		for i := chance.Intn(4); i >= 0; i-- {
			if chance.Intn(2) == 0 {
				data = data[:chance.Intn(len(data)+1)]
			}
			if len(data) > 0 {
				data[chance.Intn(len(data))] = byte(chance.Intn(256))
			}
		}
		return said{data, true}
	})
	client := &Client{Path: server.path, Timeout: time.Minute}
	defer client.Close()
	failures := 0
	for i := 0; i < 1500; i++ {
		var err error
		if i%3 == 0 {
			_, err = client.Health(background)
		} else {
			p := bytes.Repeat([]byte{1}, 32)
			if _, err = client.Read(p); err != nil && !bytes.Equal(p, make([]byte, 32)) {
				t.Fatal("a failure leaves zeros", i)
			}
		}
		var failure *Error
		if err != nil && !errors.As(err, &failure) {
			t.Fatal(err)
		} else if err != nil {
			failures++
		}
	}
	if failures < 500 {
		t.Error(failures, "failures")
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(answerOf(7, body), true)
	f.Add(refusal(7, "ERR_BUSY", "why"), true)
	f.Add(append(answerHead(7), "\xc0\x82\xa5state\xa2ok\xa7sources\x91\x81\xa1n\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00"...), false)
	f.Fuzz(func(t *testing.T, data []byte, isRandom bool) {
		of := call{id: 7}
		if isRandom {
			of.target = make([]byte, 32)
		}
		answer := newReader(bytes.NewReader(data), make([]byte, 61))
		inStep, err := answer.result(&of)
		var known *Error
		var loss *lostError
		if err != nil && !errors.As(err, &known) && !errors.As(err, &loss) {
			t.Fatalf("%T", err)
		}
		if err == nil && (!inStep || (!isRandom && of.health == nil)) {
			t.Fatal("a success without a result")
		}
		if answer.wipe(); !bytes.Equal(answer.buffer, make([]byte, 61)) {
			t.Fatal("not wiped")
		}
	})
}

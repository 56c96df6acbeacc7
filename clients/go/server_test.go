package entropyd

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A JSON array: the command that starts a daemon, to which `--socket PATH` is added.
const commandVariable = "ENTROPYD_TEST_DAEMON"

// Starts the real daemon; what it returns kills it.
func startDaemon(t *testing.T, path string) (kill func()) {
	t.Helper()
	var command []string
	if err := json.Unmarshal([]byte(os.Getenv(commandVariable)), &command); err != nil {
		t.Fatalf("%s: %v", commandVariable, err)
	}
	daemon := exec.Command(command[0], append(command[1:], "--socket", path)...)
	said, err := daemon.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	kill = func() {
		once.Do(func() {
			daemon.Process.Kill()
			daemon.Wait()
		})
	}
	t.Cleanup(kill)
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "entropyd listening") {
			go io.Copy(io.Discard, said)
			return kill
		}
	}
	t.Fatal("the daemon ended")
	return kill
}

type request struct {
	id     uint32
	method string
	size   uint32
	resist bool
	nth    int // from 1, of all connections together
}

// What a server says: bytes, and whether the connection ends after them.
type said struct {
	bytes []byte
	ends  bool
}

// A server that is not the daemon.
type server struct {
	path     string
	listener net.Listener
	lock     sync.Mutex
	requests []request
	conns    []net.Conn
	serving  sync.WaitGroup
}

func startServer(t *testing.T, answer func(request) said) *server {
	t.Helper()
	s := &server{path: filepath.Join(t.TempDir(), "s")}
	listener, err := net.Listen("unix", s.path)
	if err != nil {
		t.Fatal(err)
	}
	s.listener = listener
	t.Cleanup(s.close)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.lock.Lock()
			s.conns = append(s.conns, conn)
			s.serving.Add(1)
			s.lock.Unlock()
			go s.serve(conn, answer)
		}
	}()
	return s
}

func (s *server) close() {
	s.listener.Close()
	s.lock.Lock()
	defer s.lock.Unlock()
	for _, conn := range s.conns {
		conn.Close()
	}
}

func (s *server) serve(conn net.Conn, answer func(request) said) {
	defer s.serving.Done()
	defer conn.Close()
	for {
		next, err := readRequest(conn)
		if err != nil {
			return
		}
		s.lock.Lock()
		next.nth = len(s.requests) + 1
		s.requests = append(s.requests, next)
		s.lock.Unlock()
		reply := answer(next)
		if _, err := conn.Write(reply.bytes); err != nil || reply.ends {
			return
		}
	}
}

// The fixed layout of the client's requests.
func readRequest(from io.Reader) (request, error) {
	start := make([]byte, 15)
	if _, err := io.ReadFull(from, start); err != nil {
		return request{}, err
	}
	next := request{id: binary.BigEndian.Uint32(start[3:]), method: string(start[8:14])}
	params := start[14] - 0x90
	if params == 0 {
		return next, nil
	}
	rest := make([]byte, 5)
	if params == 2 {
		rest = make([]byte, 5+len(resistant))
	}
	if _, err := io.ReadFull(from, rest); err != nil {
		return next, err
	}
	next.size = binary.BigEndian.Uint32(rest[1:])
	next.resist = string(rest[5:]) == resistant
	if params == 2 && !next.resist {
		return next, errors.New("unknown params")
	}
	return next, nil
}

func (s *server) asked() []request {
	s.lock.Lock()
	defer s.lock.Unlock()
	return append([]request(nil), s.requests...)
}

func (s *server) connections() int {
	s.lock.Lock()
	defer s.lock.Unlock()
	return len(s.conns)
}

func answerHead(id uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{0x94, 1, 0xce}, id)
}

func answerOf(id uint32, body []byte) []byte {
	bytes := binary.BigEndian.AppendUint32(append(answerHead(id), 0xc0, 0xc6), uint32(len(body)))
	return append(bytes, body...)
}

func text(value string) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0xda}, uint16(len(value))), value...)
}

func refusal(id uint32, code, message string) []byte {
	bytes := append(answerHead(id), 0x92)
	bytes = append(append(bytes, text(code)...), text(message)...)
	return append(bytes, 0xc0)
}
